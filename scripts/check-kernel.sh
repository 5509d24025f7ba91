#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What must hold on a real kernel: the same bytes for any number of workers, a result that
# independent readers and the running kernel accept, and that means what pahole's means.
#
#   check-kernel.sh NAME|VMLINUX     NAME as in fetch-kernel.sh, fetched before
#
# Needs pahole-1.32, pahole-1.30 and bpftool on the PATH (fetch-kernel.sh peers prints a
# folder with them), and root for the question to the running kernel. What is missing is skipped with a
# line, or with BTFGEN_REQUIRE_TOOLS=1 a failure.
set -euo pipefail
shopt -s inherit_errexit

[ $# = 1 ] || { echo "usage: check-kernel.sh NAME|VMLINUX" >&2; exit 2; }
cd "$(dirname "$0")/.."
vmlinux=$1
if [ ! -f "$vmlinux" ]; then vmlinux=$(scripts/fetch-kernel.sh --cached "$1")/vmlinux; fi
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
failed=0

skip() { # skip WHAT REASON
	echo "SKIP: $1: $2"
	if [ "${BTFGEN_REQUIRE_TOOLS:-0}" = 1 ]; then failed=1; fi
}

go build -o "$out/btfgen" ./cmd/btfgen
echo "$vmlinux"
for j in 1 2 7; do
	"$out/btfgen" encode -j $j --verify -o "$out/$j.btf" "$vmlinux"
done
cmp "$out/1.btf" "$out/2.btf"
cmp "$out/1.btf" "$out/7.btf"
echo "same bytes with 1, 2 and 7 workers; cilium/ebpf reads them"

if command -v bpftool >/dev/null; then
	bpftool btf dump file "$out/1.btf" format c >"$out/vmlinux.h"
	echo "bpftool dumps $(wc -l <"$out/vmlinux.h") lines of C"
else
	skip bpftool "not on the PATH"
fi

machine=$(readelf -h "$vmlinux" | sed -n 's/^ *Machine: *//p')
case $machine in
*X86-64*)
	if [ "$(uname -m)" != x86_64 ] || [ "$(id -u)" != 0 ]; then
		skip "running kernel" "needs root on x86-64"
	else
		BTFGEN_LOAD="$out/1.btf" go test -count=1 -run TestKernelLoads ./internal/btfcheck
		echo "the running kernel accepts it"
	fi
	;;
*) echo "not asked of the running kernel: the file is for $machine" ;;
esac

BTFGEN=$out/btfgen scripts/compare-pahole.sh "$vmlinux" --against all || failed=1
exit $failed
