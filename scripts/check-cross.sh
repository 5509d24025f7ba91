#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Whether kernels for other machines can be built with btfgen: builds a small arm64 and a small s390x kernel, which is
# big-endian, with Debian's cross compilers, as scripts/kernel-build.sh builds those for x86-64: with pahole and
# resolve_btfids first, then linked again from the same objects with btfgen. What comes out must have the same types
# and IDs, in vmlinux, in each module of the tree, and in one that is built outside it. Then the kernel
# built with btfgen is booted in qemu, emulated, loads its modules, and runs BPF programs.
#
#   check-cross.sh [--cached] [arm64|s390x]...      both if none is named
#
# The configuration is scripts/kernel-build/config-cross. resolve_btfids is that of the tree, pahole v1.32.
#
# Source and pahole are fetched first (fetch-kernel.sh source-$SERIES and peers); with --cached nothing is fetched. A
# build takes 1 GB in $KEEP or $TMPDIR. Needs what kernels need (make, gcc, flex, bison, bc, libelf's headers), the cross
# compilers (packages gcc-aarch64-linux-gnu and gcc-s390x-linux-gnu), and to boot qemu-system-aarch64 and
# qemu-system-s390x. What is missing is skipped with a line, or with BTFGEN_REQUIRE_TOOLS=1 a failure.
#
# Environment: SERIES 7.2 or 7.3 (7.2), BTFGEN the binary to test (built if not set), JOBS for make (by default one
# per processor), SHOW differences to print per kind and place (default 5), KEEP a folder for kernels, logs and objects,
# which are otherwise removed; another run with it compiles only what changed.
#
# Exit: 0 all passed, 1 a check failed or is missing, 2 usage.
set -euo pipefail
shopt -s inherit_errexit

usage() {
	echo "usage: check-cross.sh [--cached] [arm64|s390x]..." >&2
	exit 2
}

cached=() archs=() series=${SERIES:-7.2}
for arg; do
	case $arg in
	--cached) cached=(--cached) ;;
	arm64 | s390x) archs+=("$arg") ;;
	*) usage ;;
	esac
done
case $series in 7.2 | 7.3) ;; *) usage ;; esac
[ ${#archs[@]} -gt 0 ] || archs=(arm64 s390x)

cd "$(dirname "$0")/.."
root=$PWD
# They would change what the kernel's make or the tools do.
unset MAKEFLAGS MAKELEVEL GNUMAKEFLAGS LLVM KBUILD_OUTPUT KBUILD_EXTMOD KBUILD_BUILD_TIMESTAMP BTFGEN_PAHOLE_VERSION
passed=0 failed=0

# check NAME COMMAND...: counts it. What the command prints is shown if it fails.
check() {
	local name=$1
	shift
	if "$@" >"$out/check.log" 2>&1; then
		passed=$((passed + 1))
		echo "ok      $name"
	else
		failed=$((failed + 1))
		echo "FAILED  $name"
		sed 's/^/        /' "$out/check.log"
		return 1
	fi
}

skip() { # skip WHAT REASON
	echo "SKIP: $1: $2"
	if [ "${BTFGEN_REQUIRE_TOOLS:-0}" = 1 ]; then failed=$((failed + 1)); fi
}

finish() {
	echo "$passed passed, $failed failed"
	[ "$failed" = 0 ] || exit 1
	exit 0
}

# target ARCH: sets what the kernel's make calls it, the prefix of its tools, its machine in qemu, the symbols of that
# machine's console, and the boot image.
target() {
	case $1 in
	arm64) karch=arm64 prefix=aarch64-linux-gnu- qemu=qemu-system-aarch64 console="SERIAL_AMBA_PL011 SERIAL_AMBA_PL011_CONSOLE" image=Image ;;
	s390x) karch=s390 prefix=s390x-linux-gnu- qemu=qemu-system-s390x console="SCLP_VT220_TTY SCLP_VT220_CONSOLE" image=bzImage ;;
	esac
}

# kmake VARIANT ARG...: make with the BTF tools of $dir/tools/VARIANT. The output is added to $dir/VARIANT/make.log.
kmake() {
	local variant=$1
	shift
	BTF_TOOLS=$dir/tools/$variant BTF_TIMES=$dir/$variant/times make -j"$JOBS" ARCH=$karch CROSS_COMPILE=$prefix \
		PAHOLE="$dir/tools/pahole" RESOLVE_BTFIDS="$dir/tools/resolve_btfids" "$@" >>"$dir/$variant/make.log" 2>&1 || {
		tail -n 40 "$dir/$variant/make.log"
		return 1
	}
}

# set_tools: the commands that make is told of, and what they run in either build.
set_tools() {
	mkdir -p "$dir"/tools/{peers,btfgen}
	local name
	for name in pahole resolve_btfids; do
		ln -sfn "$root/scripts/kernel-build/timed.sh" "$dir/tools/$name"
		ln -sfn "$btfgen" "$dir/tools/btfgen/$name"
	done
	ln -sfn "$pahole" "$dir/tools/peers/pahole"
	ln -sfn "$obj/tools/bpf/resolve_btfids/resolve_btfids" "$dir/tools/peers/resolve_btfids"
}

# configure: each symbol that the configuration asks for must be there in the end.
configure() {
	local line bad=0 config=$dir/config
	cat scripts/kernel-build/config-cross >"$config"
	printf 'CONFIG_%s=y\n' $console >>"$config"
	kmake peers -C "$source" O="$obj" KCONFIG_ALLCONFIG="$config" allnoconfig || return
	while read -r line; do
		if [[ $line == CONFIG_* ]] && ! grep -qxF -- "$line" "$obj/.config"; then
			echo "$line does not hold"
			bad=1
		fi
	done <"$config"
	return $bad
}

# link_kernel VARIANT: links vmlinux and all modules anew and gives them BTF, and so a module built outside the tree.
# Puts into $dir/VARIANT: vmlinux with its symbols, the boot image, modules/, outside/ with that module as it was built, and
# relocated/ with the BTF that the kernel would make of it on loading.
link_kernel() {
	local variant=$1 into=$dir/$1
	rm -rf "$into"
	mkdir -p "$into"/{modules,outside,relocated}
	rm -f "$obj"/{vmlinux,vmlinux.unstripped,.tmp_vmlinux*}
	find "$obj" -name '*.ko' -delete
	kmake "$variant" -C "$obj" $image modules || return
	cp testdata/modules/btfgen_test/{Makefile,btfgen_test.c} "$into/outside/"
	kmake "$variant" -C "$obj" M="$into/outside" modules || return

	cp "$obj/vmlinux.unstripped" "$into/vmlinux" && cp "$obj/arch/$karch/boot/$image" "$into/image" || return
	find "$obj" -name '*.ko' -exec cp {} "$into/modules/" \; &&
		"$btfgen" relocate --base "$into/vmlinux" -o "$into/relocated/btfgen_test" "$into/outside/btfgen_test.ko"
}

# same_objects: the second build compiled nothing but what depends on the linked kernel: its version, and the boot image.
same_objects() {
	find "$obj" -name '*.o' -newer "$dir/first" -not -path "$obj/arch/$karch/boot/*" -not -name '.*' \
		-not -name version-timestamp.o -not -name version.o -not -name vmlinux.btf.o -print >"$dir/compiled"
	[ ! -s "$dir/compiled" ] || { cat "$dir/compiled"; return 1; }
}

# right_machine: what btfgen has put in is of the target's class, byte order and machine.
right_machine() {
	local f
	for f in "$dir"/btfgen/{vmlinux,modules/*.ko}; do
		"${prefix}readelf" -hW "$f" | grep -E 'Class|Data|Machine' | cmp - <("${prefix}readelf" -hW "$obj/init/main.o" | grep -E 'Class|Data|Machine') || return
		if "${prefix}readelf" -aW "$f" 2>&1 >/dev/null | grep .; then return 1; fi
	done
}

# with_btf: the same modules have BTF in both builds, which are at least five.
with_btf() {
	local variant m
	for variant in peers btfgen; do
		for m in "$dir/$variant"/{modules,outside}/*.ko; do
			if readelf -SW "$m" | grep '] \.BTF ' >/dev/null; then echo "${m##*/}"; fi
		done >"$dir/$variant/with-btf"
	done
	[ "$(wc -l <"$dir/peers/with-btf")" -ge 5 ] && diff "$dir/peers/with-btf" "$dir/btfgen/with-btf"
}

compare() { # compare [OPTION]... FILE|DIR: that of btfgen, A, with that of the peers, B
	local path=${!#} known=(-explain testdata/differences.md) more=scripts/kernel-build/differences-$series
	if [ -e "$more" ]; then known+=(-explain "$more"); fi
	"$out/btfcompare" -n "${SHOW:-5}" "${known[@]}" "${@:1:$#-1}" "$dir/btfgen/$path" "$dir/peers/$path"
}

compare_split() { # compare_split [OPTION]... DIR: each side on its own vmlinux
	compare -base "$dir/btfgen/vmlinux" -base-b "$dir/peers/vmlinux" "$@"
}

same_warnings() {
	local variant
	for variant in peers btfgen; do
		grep -ho 'WARN: .*' "$dir/$variant/make.log" | sort >"$dir/$variant/warnings" || true
	done
	diff "$dir/peers/warnings" "$dir/btfgen/warnings"
}

boot() { # boot ARCH
	if ! "$out/vmtest" --arch "$1" --kernel "$dir/btfgen/image" --release "$(cat "$obj/include/config/kernel.release")" --built --programs load \
		--init "$out/vmguest-$1" --accel tcg --timeout 5m --log "$dir/console.log" "$dir"/btfgen/modules/*.ko \
		"$dir/btfgen/outside/btfgen_test.ko" >"$dir/boot.log" 2>&1; then
		cat "$dir/boot.log"
		return 1
	fi
	tail -n 1 "$dir/boot.log" >"$dir/boot.summary"
}

# test_arch ARCH: the checks, in order. A build that fails ends them.
test_arch() {
	local dir=$out/$1 obj=$out/$1/obj start karch prefix qemu console image
	target "$1"
	if ! command -v "${prefix}gcc" >/dev/null; then
		skip "$1" "no ${prefix}gcc"
		return
	fi
	mkdir -p "$obj" "$dir"/{peers,btfgen}
	set_tools
	echo "== Linux $(make -s -C "$source" kernelversion) for $1, $("$btfgen" --version) against pahole $("$pahole" --version) and the tree's resolve_btfids"
	check "$1: is configured" configure || return 0
	start=$SECONDS
	check "$1: builds with pahole and resolve_btfids" link_kernel peers || return 0
	echo "        $((SECONDS - start)) s"
	sleep 1 # for file systems with times in seconds
	touch "$dir/first"
	start=$SECONDS
	check "$1: links again with btfgen" link_kernel btfgen || return 0
	echo "        $((SECONDS - start)) s"
	check "$1: no object was compiled again" same_objects || true
	check "$1: vmlinux and modules are whole and for that machine" right_machine || true
	check "$1: vmlinux has the same types and IDs" compare -ids vmlinux || true
	check "$1: the same modules have BTF" with_btf || true
	check "$1: modules have the same types and IDs" compare_split -ids modules || true
	check "$1: a module from outside the tree has the same types" compare_split relocated || true
	check "$1: the tools warn of the same" same_warnings || true
	if command -v $qemu >/dev/null; then
		GOARCH=$1 CGO_ENABLED=0 go build -o "$out/vmguest-$1" ./scripts/vmguest
		if check "$1: boots, loads its modules, runs BPF programs" boot "$1"; then sed 's/^/        /' "$dir/boot.summary"; fi
	else
		skip "$1: boot" "no $qemu"
	fi
}

JOBS=${JOBS:-$(getconf _NPROCESSORS_ONLN)}
for tool in make gcc flex bison bc readelf; do
	if ! command -v "$tool" >/dev/null; then
		skip check-cross "no $tool"
		finish
	fi
done
if ! gcc -E -include libelf.h -x c /dev/null >/dev/null 2>&1; then
	skip check-cross "no libelf.h (package libelf-dev)"
	finish
fi
if ! peers=$(scripts/fetch-kernel.sh "${cached[@]}" peers) || ! source=$(scripts/fetch-kernel.sh "${cached[@]}" "source-$series"); then
	skip check-cross "scripts/fetch-kernel.sh has not fetched peers and source-$series"
	finish
fi
pahole=$peers/pahole-1.32
if [ -n "${KEEP:-}" ]; then
	mkdir -p "$KEEP"
	out=$(realpath "$KEEP")
else
	out=$(mktemp -d)
	trap 'rm -rf "$out"' EXIT
fi
go build -o "$out/vmtest" ./scripts/vmtest
go build -o "$out/btfcompare" ./scripts/btfcompare
if [ -n "${BTFGEN:-}" ]; then
	btfgen=$(realpath "$BTFGEN")
else
	btfgen=$out/btfgen
	go build -o "$btfgen" ./cmd/btfgen
fi
for arch in "${archs[@]}"; do
	test_arch "$arch"
	if [ -z "${KEEP:-}" ]; then rm -rf "${out:?}/$arch"; fi
done
finish
