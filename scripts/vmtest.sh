#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Whether real kernels accept the BTF of a module: builds testdata/modules/btfgen_test with Debian's
# headers of one point release, gives it BTF, boots another point release in qemu (with KVM if that
# works, else emulated), and checks from inside what the kernel makes of it (scripts/vmguest/checks.go).
#
#   vmtest.sh [--cached] [--treatment NAME] [6.12|7.2|7.3|arm64|s390x]...      6.12 if none is named
#
# arm64 and s390x are machines of that kind, emulated, with 7.2 and 6.12; modules are built with Debian's cross compilers.
# Debian's s390x kernel has no BPF JIT, so there types and IDs are checked, and no programs are run.
#
# Treatments, which make a module's BTF:
#
#   btfgen   btfgen module --base VMLINUX --distill FILE
#   peers    the steps of the kernel build, with the pahole and resolve_btfids that its suite has. They
#            do not pass on 7.2: pahole v1.30 gives the module a task_struct of its own there
#
# What it needs of Debian's archive is fetched first (fetch-kernel.sh vm-*, cross-*); with --cached nothing is
# fetched. Also needs qemu-system-x86_64 (-aarch64, -s390x), objcopy (that of the machine), and root or user
# namespaces. What is missing is skipped with a line, or with BTFGEN_REQUIRE_TOOLS=1 a failure.
#
# Environment: BTFGEN the binary to test (built if not set), ACCEL kvm or tcg (by default what works),
# KEEP a folder for modules, build logs and consoles, which are otherwise removed.
#
# Exit: 0 all passed, 1 a check failed or is missing, 2 usage.
set -euo pipefail
shopt -s inherit_errexit

usage() {
	echo "usage: vmtest.sh [--cached] [--treatment btfgen|peers] [6.12|7.2|7.3|arm64|s390x]..." >&2
	exit 2
}

cached=() treatment=btfgen series=()
while [ $# -gt 0 ]; do
	case $1 in
	--cached) cached=(--cached) ;;
	--treatment) [ $# -ge 2 ] || usage; treatment=$2; shift ;;
	--treatment=*) treatment=${1#--treatment=} ;;
	6.12 | 7.2 | 7.3 | arm64 | s390x) series+=("$1") ;;
	*) usage ;;
	esac
	shift
done
case $treatment in btfgen | peers) ;; *) usage ;; esac
[ ${#series[@]} -gt 0 ] || series=(6.12)

cd "$(dirname "$0")/.."
failed=0

fail() {
	echo "FAILED: $*"
	failed=1
}

skip() { # skip WHAT REASON
	echo "SKIP: $1: $2"
	if [ "${BTFGEN_REQUIRE_TOOLS:-0}" = 1 ]; then failed=1; fi
}

# in_root COMMAND...: runs it in the unpacked system of $tree, with the folder $build as /build. The
# mounts are seen by that command only. objtool reads /proc from 7.0 on.
in_root() {
	local map=()
	if [ "$(id -u)" != 0 ]; then map=(--map-root-user); fi
	# shellcheck disable=SC2016 # for the inner shell to expand
	unshare --mount "${map[@]}" -- sh -euc '
		root=$1 build=$2
		shift 2
		mount --bind "$build" "$root/build"
		mount --rbind /dev "$root/dev"
		mount --rbind /proc "$root/proc"
		exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin "$@"' sh "$tree/root" "$build" "$@"
}

# make_module OUT [VARIABLE=VALUE]...: builds the module, or what the variables change of it.
make_module() {
	local out=$1
	shift
	rm -f "$build/btfgen_test.ko"
	if ! in_root make -C "/$headers" M=/build DEB_BUILD_ARCH=amd64 DEB_HOST_ARCH="$arch" DEB_HOST_GNU_TYPE="${prefix%-}" "$@" modules >"$dir/make.log" 2>&1; then
		cat "$dir/make.log"
		return 1
	fi
	mv "$build/btfgen_test.ko" "$out"
}

# treat_NAME KIND OUT: makes the module with .BTF over .BTF.base (KIND distilled), or with .BTF split
# against the kernel that the headers are of (split). The module without BTF is $modules/plain.ko.
treat_btfgen() {
	cp "$modules/plain.ko" "$2" || return
	case $1 in
	distilled) "$btfgen" module --base "$base" --distill "$2" ;;
	split) "$btfgen" module --no-distill --base "$base" "$2" ;;
	esac
}

treat_peers() {
	case $1 in
	distilled) make_module "$2" ;;
	split) make_module "$2" MODULE_PAHOLE_FLAGS= RESOLVE_BTFIDS_FLAGS= ;; # where 6.12 and 7.x have --distill_base
	esac
}

# unresolve: the BTF of distilled.ko in a module whose .BTF_ids nobody has filled in.
unresolve() {
	local name add=()
	for name in .BTF .BTF.base; do
		"${prefix}objcopy" --dump-section "$name=$dir/section$name" "$modules/distilled.ko" "$dir/copy" || return
		add+=(--add-section "$name=$dir/section$name")
	done
	"${prefix}objcopy" "${add[@]}" "$modules/plain.ko" "$modules/unresolved.ko" || return
	rm "$dir"/section.* "$dir/copy"
}

# build_modules: fills $modules.
build_modules() {
	cp testdata/modules/btfgen_test/{Makefile,btfgen_test.c} "$build/" &&
		make_module "$modules/plain.ko" cmd_btf_ko=: && # the build's own BTF step, switched off
		"treat_$treatment" distilled "$modules/distilled.ko" &&
		"treat_$treatment" split "$modules/split.ko" &&
		unresolve
}

# test_series SERIES
test_series() {
	local tree headers base dir build modules tool mismatch=refused programs=run
	local set=vm-$1 arch=amd64 machine=x86_64 qemu=qemu-system-x86_64 prefix='' limit=90s
	case $1 in
	arm64) set=cross-$1 arch=$1 machine=$1 qemu=qemu-system-aarch64 prefix=aarch64-linux-gnu- limit=10m ;;
	s390x) set=cross-$1 arch=$1 machine=$1 qemu=qemu-system-s390x prefix=s390x-linux-gnu- limit=10m ;;
	esac
	for tool in $qemu "${prefix}objcopy"; do
		if ! command -v "$tool" >/dev/null; then
			skip "$1" "no $tool"
			return
		fi
	done
	if ! tree=$(scripts/fetch-kernel.sh "${cached[@]}" "$set"); then
		if [ ${#cached[@]} -eq 0 ]; then fail "$1: not fetched"; else skip "$1" "scripts/fetch-kernel.sh $set has not fetched it"; fi
		return
	fi
	headers=$(cat "$tree/headers")
	base=$tree/root/$headers/vmlinux
	dir=$out/$1 build=$out/$1/build modules=$out/$1/modules
	rm -rf "$dir"
	mkdir -p "$build" "$modules"
	echo "== built for ${headers##*headers-}, BTF by $treatment, loaded by $(cat "$tree/release")"
	if ! build_modules; then
		fail "$1: the modules were not built"
		return
	fi
	# The option is the same in all point releases of a series.
	if grep -qx CONFIG_MODULE_ALLOW_BTF_MISMATCH=y "$tree/root/$headers/.config"; then mismatch=allowed; fi
	if [ "${headers##*headers-}" = "$(cat "$tree/release")" ]; then mismatch=none; fi
	if ! grep -qx CONFIG_BPF_JIT=y "$tree/root/$headers/.config"; then programs=none; fi
	GOARCH=$arch CGO_ENABLED=0 go build -o "$out/vmguest-$arch" ./scripts/vmguest
	"$out/vmtest" --arch $machine --kernel "$tree/vmlinuz" --release "$(cat "$tree/release")" --btf-mismatch "$mismatch" --programs $programs \
		--init "$out/vmguest-$arch" --accel "${ACCEL:-auto}" --timeout $limit --log "$dir/console.log" "$modules"/*.ko || fail "$1"
}

for tool in unshare chroot; do
	if ! command -v "$tool" >/dev/null; then
		skip vmtest "no $tool"
		exit "$failed"
	fi
done
if [ -n "${KEEP:-}" ]; then
	mkdir -p "$KEEP"
	out=$(realpath "$KEEP")
else
	out=$(mktemp -d)
	trap 'rm -rf "$out"' EXIT
fi
go build -o "$out/vmtest" ./scripts/vmtest
if [ "$treatment" = btfgen ]; then
	btfgen=${BTFGEN:-}
	if [ -z "$btfgen" ]; then
		go build -o "$out/btfgen" ./cmd/btfgen
		btfgen=$out/btfgen
	fi
fi
for s in "${series[@]}"; do test_series "$s"; done
exit "$failed"
