#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Makes cmd/btfgen/default.pgo, by which the Go compiler lays out the program (go.dev/doc/pgo): the profile of a kernel, and
# of modules of all sizes that are split against it. A profile that no longer fits costs speed, nothing else;
# scripts/bench.sh tells whether a new one is worth it.
#
#   pgo.sh DIR    a folder with vmlinux and modules, as scripts/fetch-kernel.sh amd64-7.2 prints it
set -euo pipefail

cd "$(dirname "$0")/.."
if [ $# -ne 1 ] || [ ! -r "$1/vmlinux" ]; then
	echo "usage: pgo.sh DIR, which holds vmlinux and modules" >&2
	exit 2
fi
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
go build -o "$work/btfgen" ./cmd/btfgen
"$work/btfgen" encode -o "$work/base" "$1/vmlinux"

profile() { # profile NAME BENCHMARK TIMES
	go test -trimpath ./encode -run '^$' -bench "$2" -benchtime "$3" -cpuprofile "$work/$1.pprof" -o "$work/encode.test"
}
BTFGEN_BENCH_ELF=$1/vmlinux profile vmlinux 'BenchmarkEncode/j2' 8x
n=0
while read -r module; do # each as heavy as the other
	n=$((n + 1))
	BTFGEN_BENCH_MODULE=$module BTFGEN_BENCH_BASE=$work/base profile "module-$n" BenchmarkModule 2s
done < <(find "$1" -name '*.ko' -printf '%s %p\n' | sort -n | cut -d' ' -f2- |
	awk '{ name[NR] = $0 } END { for (i = 1; i < 8; i += 2) print name[int(NR * i / 8)] }')
go tool pprof -proto "$work"/*.pprof >cmd/btfgen/default.pgo
