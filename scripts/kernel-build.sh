#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Whether kernels can be built with btfgen in the place of pahole and resolve_btfids: builds a small x86-64 kernel
# of Debian's source with these two, takes the results away and links again, from the same objects, with btfgen. What
# comes out must have the same types and IDs, in vmlinux, in each module and in one from outside the tree. Then the
# kernel built with btfgen is booted in qemu, its modules are loaded, BPF programs are attached to its functions and
# call its kfuncs.
#
#   kernel-build.sh [--cached] [7.3|7.2|6.12|6.1]...      7.3 if none is named
#
# All goes through make's variables PAHOLE and RESOLVE_BTFIDS, as it would in a kernel of yours:
#
#   make PAHOLE=btfgen-pahole RESOLVE_BTFIDS=$PWD/btfgen-resolve_btfids
#
# and the source tree is not touched, which is checked. The configuration is scripts/kernel-build/config. The peers are
# pahole v1.32 and the resolve_btfids of the tree; types that they write twice, or that a module's base has already, are
# no difference (testdata/differences.md, and scripts/kernel-build/differences-RELEASE if there is one). The last table
# has the time of the BTF steps, as seconds that passed / seconds of processor time.
#
# The sources, 1.7 GB each, and pahole are fetched first (fetch-kernel.sh source-* and peers); with --cached nothing is
# fetched. A build takes half an hour of processor time and 2 GB in $KEEP or $TMPDIR, linking it again a minute or two.
# Needs what kernels need (make, gcc, flex, bison, bc, libelf's headers), objcopy and qemu-system-x86_64. What is
# missing is skipped with a line, or with BTFGEN_REQUIRE_TOOLS=1 a failure.
#
# Environment: BTFGEN the binary to test (built if not set), JOBS for make (by default one per processor), ACCEL
# as for vmtest.sh, SHOW differences to print per kind and place (default 5), KEEP a folder for kernels, logs and
# objects, which are otherwise removed; another run with it compiles only what changed, also after one that was cut
# short. LLD a linker such as ld.lld-19 to link with, as LLVM=1 does, and the llvm-objcopy and llvm-strip of that suffix:
# it leaves an empty .BTF in the vmlinux that BTF is made for, where GNU ld leaves none. It must be as new as
# the kernel wants it (scripts/min-tool-version.sh there).
#
# Exit: 0 all passed, 1 a check failed or is missing, 2 usage.
set -euo pipefail
shopt -s inherit_errexit

usage() {
	echo "usage: kernel-build.sh [--cached] [7.3|7.2|6.12|6.1]..." >&2
	exit 2
}

cached=() series=()
for arg; do
	case $arg in
	--cached) cached=(--cached) ;;
	7.3 | 7.2 | 6.12 | 6.1) series+=("$arg") ;;
	*) usage ;;
	esac
done
[ ${#series[@]} -gt 0 ] || series=(7.3)

cd "$(dirname "$0")/.."
root=$PWD
# They would change what the kernel's make or the tools do.
unset MAKEFLAGS MAKELEVEL GNUMAKEFLAGS ARCH CROSS_COMPILE LLVM KBUILD_OUTPUT KBUILD_EXTMOD KBUILD_BUILD_TIMESTAMP BTFGEN_PAHOLE_VERSION
passed=0 failed=0
linker=()
if [ -n "${LLD:-}" ]; then
	suffix=${LLD##*ld.lld}
	linker=(LD="$LLD" OBJCOPY="llvm-objcopy$suffix" STRIP="llvm-strip$suffix")
fi

# check NAME COMMAND...: counts it. What the command prints is shown if it fails.
check() {
	local name=$1
	shift
	if "$@" >"$out/check.log" 2>&1; then
		passed=$((passed + 1))
		echo "ok      $name"
	else
		fail "$name"
		sed 's/^/        /' "$out/check.log"
		return 1
	fi
}

fail() {
	failed=$((failed + 1))
	echo "FAILED  $1"
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

# kmake VARIANT ARG...: make with the BTF tools of $dir/tools/VARIANT. The output is added to $dir/VARIANT/make.log.
kmake() {
	local variant=$1
	shift
	BTF_TOOLS=$dir/tools/$variant BTF_TIMES=$dir/$variant/times \
		make -j"$JOBS" PAHOLE="$dir/tools/pahole" RESOLVE_BTFIDS="$dir/tools/resolve_btfids" "${linker[@]}" "$@" >>"$dir/$variant/make.log" 2>&1 || {
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

# configure: lines of the fragment whose symbol this release has must hold.
configure() {
	local line symbol bad=0
	kmake peers -C "$source" O="$obj" KCONFIG_ALLCONFIG="$root/scripts/kernel-build/config" allnoconfig || return
	while read -r line; do
		case $line in
		CONFIG_*) symbol=${line%%=*} ;;
		'# CONFIG_'*' is not set') symbol=${line#\# } symbol=${symbol%% *} ;;
		*) continue ;;
		esac
		if grep -qxF -- "$line" "$obj/.config"; then continue; fi
		if ! grep -rqxE --include='Kconfig*' "(menu)?config ${symbol#CONFIG_}" "$source"; then continue; fi
		if [ "${line::1}" = '#' ] && ! grep -q "^$symbol=" "$obj/.config"; then continue; fi # out of sight, so off
		echo "$line does not hold, .config has: $(grep -E "^(# )?${symbol}[= ]" "$obj/.config" || echo nothing)"
		bad=1
	done <"$root/scripts/kernel-build/config"
	return $bad
}

# link_kernel VARIANT: links vmlinux and all modules anew and gives them BTF, and so a module built outside the tree.
# Puts into $dir/VARIANT: vmlinux with its symbols, bzImage, modules/, btfgen_test/ as it was built, and external/ with the BTF
# that the kernel would make of that on loading.
link_kernel() {
	local variant=$1 into=$dir/$1 m
	rm -rf "$into"
	mkdir -p "$into"/{modules,btfgen_test,external}
	rm -f "$obj"/{vmlinux,vmlinux.unstripped,.tmp_vmlinux*,.btf.vmlinux.bin.o}
	find "$obj" -name '*.ko' -delete
	kmake "$variant" -C "$obj" bzImage modules || return
	cp testdata/modules/btfgen_test/{Makefile,btfgen_test.c} "$into/btfgen_test/"
	kmake "$variant" -C "$obj" M="$into/btfgen_test" modules || return

	m=$obj/vmlinux
	if [ -e "$m.unstripped" ]; then m=$m.unstripped; fi # from 6.16 on
	cp "$m" "$into/vmlinux" && cp "$obj/arch/x86/boot/bzImage" "$into/" || return
	find "$obj" -name '*.ko' -exec cp {} "$into/modules/" \; || return
	m=$into/btfgen_test/btfgen_test.ko
	if has_section "$m" .BTF.base; then # from 6.11 on
		"$btfgen" relocate --base "$into/vmlinux" -o "$into/external/btfgen_test" "$m"
	else
		cp "$m" "$into/external/btfgen_test"
	fi
}

has_section() { # has_section FILE NAME
	readelf -SW "$1" 2>/dev/null | awk -v name="$2" '{ sub(/^ *\[ *[0-9]+\] /, "") } $1 == name { found = 1 } END { exit !found }'
}

# same_objects: the second build compiled nothing but what depends on the linked kernel: its version, and the boot image.
same_objects() {
	find "$obj" -name '*.o' -newer "$dir/first" -not -path "$obj/arch/x86/boot/*" -not -name '.*' \
		-not -name version-timestamp.o -not -name version.o -not -name vmlinux.btf.o -print >"$dir/compiled"
	[ ! -s "$dir/compiled" ] || { cat "$dir/compiled"; return 1; }
}

untouched_source() {
	find "$source" -newer "$dir/start" -print >"$dir/touched"
	[ ! -s "$dir/touched" ] || { cat "$dir/touched"; return 1; }
}

# with_btf: the same modules have BTF in both builds, which are at least ten.
with_btf() {
	local variant m
	for variant in peers btfgen; do
		for m in "$dir/$variant"/modules/*.ko "$dir/$variant/btfgen_test/btfgen_test.ko"; do
			if has_section "$m" .BTF; then echo "${m##*/}"; fi
		done >"$dir/$variant/with-btf"
	done
	[ "$(wc -l <"$dir/peers/with-btf")" -ge 10 ] && diff "$dir/peers/with-btf" "$dir/btfgen/with-btf"
}

compare() { # compare [OPTION]... FILE|DIR: that of btfgen, A, with that of the peers, B
	local path=${!#} known=(-explain testdata/differences.md) more=scripts/kernel-build/differences-${dir##*/}
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

# times: a table of the BTF steps of both builds.
times() {
	awk '
		{ n = split(FILENAME, path, "/"); variant = path[n - 1] }
		{
			for (i = 0; i < 2; i++) {
				key = i ? "sum" : $2 " " $1
				real[variant, key] += $3
				cpu[variant, key] += $4 + $5
				runs[variant, key]++
			}
		}
		END {
			printf "        %-24s %5s %20s   %5s %20s\n", "seconds passed / of CPU", "runs", "pahole+resolve_btfids", "runs", "btfgen"
			n = split("vmlinux pahole,vmlinux resolve_btfids,modules pahole,modules resolve_btfids,sum", keys, ",")
			for (i = 1; i <= n; i++) {
				k = keys[i]
				printf "        %-24s %5d %12.2f / %6.2f   %5d %12.2f / %6.2f\n", k, runs["peers", k], real["peers", k], cpu["peers", k],
					runs["btfgen", k], real["btfgen", k], cpu["btfgen", k]
			}
		}' "$dir/peers/times" "$dir/btfgen/times"
}

boot() {
	local release
	release=$(cat "$obj/include/config/kernel.release")
	if ! "$out/vmtest" --kernel "$dir/btfgen/bzImage" --release "$release" --built --init "$out/vmguest" --accel "${ACCEL:-auto}" \
		--timeout 5m --log "$dir/console.log" "$dir"/btfgen/modules/*.ko "$dir/btfgen/btfgen_test/btfgen_test.ko" >"$dir/boot.log" 2>&1; then
		cat "$dir/boot.log"
		return 1
	fi
	tail -n 1 "$dir/boot.log" >"$dir/boot.summary"
}

# test_series SERIES: the checks, in order. A build that fails ends them.
test_series() {
	local source dir=$out/$1 obj=$out/$1/obj start
	if ! source=$(scripts/fetch-kernel.sh "${cached[@]}" "source-$1"); then
		if [ ${#cached[@]} -eq 0 ]; then fail "$1: not fetched"; else skip "$1" "scripts/fetch-kernel.sh source-$1 has not fetched it"; fi
		return
	fi
	mkdir -p "$obj" "$dir"/{peers,btfgen}
	touch "$dir/start"
	set_tools
	echo "== Linux $(make -s -C "$source" kernelversion), $("$btfgen" --version) against pahole $("$pahole" --version) and the tree's resolve_btfids"
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
	check "$1: the source tree is as it was" untouched_source || true
	check "$1: vmlinux has the same types and IDs" compare -ids vmlinux || true
	check "$1: the same modules have BTF" with_btf || true
	check "$1: modules have the same types and IDs" compare_split -ids modules || true
	check "$1: a module from outside the tree has the same types" compare_split external || true
	check "$1: the tools warn of the same" same_warnings || true
	times
	if command -v qemu-system-x86_64 >/dev/null; then
		if check "$1: boots, loads its modules, runs BPF programs" boot; then sed 's/^/        /' "$dir/boot.summary"; fi
	else
		skip "$1: boot" "no qemu-system-x86_64"
	fi
}

JOBS=${JOBS:-$(getconf _NPROCESSORS_ONLN)}
if [ "$(uname -m)" != x86_64 ]; then
	skip kernel-build "this machine is $(uname -m), kernels are built for x86_64 with its own compiler"
	finish
fi
for tool in make gcc flex bison bc objcopy readelf "${linker[@]#*=}"; do
	if ! command -v "$tool" >/dev/null; then
		skip kernel-build "no $tool"
		finish
	fi
done
if ! gcc -E -include libelf.h -x c /dev/null >/dev/null 2>&1; then
	skip kernel-build "no libelf.h (package libelf-dev)"
	finish
fi
if ! peers=$(scripts/fetch-kernel.sh "${cached[@]}" peers); then
	skip kernel-build "scripts/fetch-kernel.sh peers has not fetched pahole"
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
CGO_ENABLED=0 go build -o "$out/vmguest" ./scripts/vmguest
go build -o "$out/vmtest" ./scripts/vmtest
go build -o "$out/btfcompare" ./scripts/btfcompare
if [ -n "${BTFGEN:-}" ]; then
	btfgen=$(realpath "$BTFGEN")
else
	btfgen=$out/btfgen
	go build -o "$btfgen" ./cmd/btfgen
fi
for s in "${series[@]}"; do
	test_series "$s"
	if [ -z "${KEEP:-}" ]; then rm -rf "${out:?}/$s"; fi
done
finish
