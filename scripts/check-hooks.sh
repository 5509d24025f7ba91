#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Whether a module that is built outside the kernel gets its BTF from btfgen in each way that btfgen kbuild show tells:
# builds testdata/modules/btfgen_test with Debian's headers of a series, unpacked with that Debian's make and compiler and
# without pahole.
#
#   check-hooks.sh [--cached] [6.1|6.12|7.2|7.3]...      all if none is named
#
# Hooks, with lines as kbuild show prints them:
#
#   command      make ... cmd_btf_ko=...
#   environment  GNUMAKEFLAGS
#   include      Makefile.btfgen, from a makefile that runs the kernel's
#   GNUmakefile  Makefile.btfgen, for good
#   drop-in      PAHOLE and RESOLVE_BTFIDS; needs a vmlinux
#   script       gen-btf.sh in the place of the kernel's, from 7.0 on; needs a vmlinux
#
# each with a vmlinux in the headers, as Debian has it from 6.12 on (for 6.1 it is unpacked from the boot image), without
# it but with a boot image in /boot, and without both. All hooks must give the same module, by bytes, whether the BTF of
# the kernel is from a vmlinux or from a boot image; the drop-in the same types, as it encodes as pahole does. Without
# both, the module must be built without BTF, and a line must say so. btfgen doctor must know beforehand.
#
# Headers, 0.3 GB each, are fetched first (fetch-kernel.sh headers-*); with --cached nothing is fetched. Also needs readelf, objcopy,
# lz4 for 6.1, and root or user namespaces with overlayfs. What is missing is skipped with a line, or with BTFGEN_REQUIRE_TOOLS=1
# a failure. KEEP is a folder for modules and logs, which are otherwise removed.
#
# Exit: 0 all passed, 1 a check failed or is missing, 2 usage.
set -euo pipefail
shopt -s inherit_errexit

cached=() series=()
for arg; do
	case $arg in
	--cached) cached=(--cached) ;;
	6.1 | 6.12 | 7.2 | 7.3) series+=("$arg") ;;
	*)
		echo "usage: check-hooks.sh [--cached] [6.1|6.12|7.2|7.3]..." >&2
		exit 2
		;;
	esac
done
[ ${#series[@]} -gt 0 ] || series=(6.1 6.12 7.2 7.3)
cd "$(dirname "$0")/.."
passed=0 failed=0

skip() { # skip WHAT REASON
	echo "SKIP: $1: $2"
	if [ "${BTFGEN_REQUIRE_TOOLS:-0}" = 1 ]; then failed=$((failed + 1)); fi
}

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
	fi
}

# inside SCRIPT: runs a shell script in the unpacked system of $tree, over which what is written stays in $dir/over. The
# mounts are seen by that command only. $K are the headers. There is no dpkg, which their makefile asks for the architecture.
inside() {
	local map=()
	if [ "$(id -u)" != 0 ]; then map=(--map-root-user); fi
	# shellcheck disable=SC2016 # for the inner shell to expand
	unshare --mount "${map[@]}" -- sh -euc '
		mount -t overlay -o "lowerdir=$1,upperdir=$2/over,workdir=$2/work" overlay "$2/root"
		mount --rbind /dev "$2/root/dev"
		mount --rbind /proc "$2/root/proc"
		exec chroot "$2/root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin DEB_BUILD_ARCH=amd64 DEB_HOST_ARCH=amd64 K="/$3" sh -euc "$4"' \
		sh "$tree/root" "$dir" "$headers" "$1"
}

has_section() { # has_section FILE NAME
	readelf -SW "$1" | awk -v name="$2" '{ sub(/^ *\[ *[0-9]+\] /, "") } $1 == name { found = 1 } END { exit !found }'
}

# build STATE HOOK: builds the module into $dir/STATE.HOOK.ko, with the log beside it.
build() {
	local script
	# shellcheck disable=SC2016 # for the inner shell to expand
	case $2 in
	command) script='eval "$(btfgen kbuild show | sed -n "s|^ *make -C KDIR M=.PWD|make -C $K M=/build|p")"' ;;
	environment) script='eval "$(btfgen kbuild show | sed -n "/ GNUMAKEFLAGS=/p")"; make -C $K M=/build modules' ;;
	include) script='printf "%s\n" "include /srv/btfgen/Makefile.btfgen" "all: ; \$(MAKE) -C $K M=/build modules" >/srv/wrap.mk; make -f /srv/wrap.mk' ;;
	GNUmakefile) script='printf "include %s\n" /srv/btfgen/Makefile.btfgen Makefile >$K/GNUmakefile; make -C $K M=/build modules' ;;
	drop-in) script='make -C $K M=/build PAHOLE=/srv/btfgen/btfgen-pahole RESOLVE_BTFIDS=/srv/btfgen/btfgen-resolve_btfids modules' ;;
	script) script='script=$(readlink -f $K/scripts)/gen-btf.sh
		[ -e $script ] || script=$(dirname "$(readlink -f "$(sed -n "s/^include //p" $K/Makefile)")")/scripts/gen-btf.sh
		test -e $script; cp $script /srv/gen-btf.sh; cp /srv/btfgen/gen-btf.sh $script
		make -C $K M=/build modules || status=$?
		cp /srv/gen-btf.sh $script; exit ${status:-0}' ;;
	esac
	rm -rf "$dir/over/build" "$dir/$1.$2".*
	mkdir -p "$dir/over/build"
	cp testdata/modules/btfgen_test/{Makefile,btfgen_test.c} "$dir/over/build/"
	inside "rm -f \$K/GNUmakefile; $script" >"$dir/$1.$2.log" 2>&1 || {
		cat "$dir/$1.$2.log"
		return 1
	}
	cp "$dir/over/build/btfgen_test.ko" "$dir/$1.$2.ko"
}

# with_btf STATE HOOK: the module has all that this series knows, and is that of the first build.
with_btf() {
	build "$1" "$2" || return
	local m=$dir/$1.$2.ko name
	for name in .BTF .BTF_ids; do has_section "$m" $name || { echo "no $name"; return 1; }; done
	if [ "$s" != 6.1 ] && ! has_section "$m" .BTF.base; then
		echo "no .BTF.base"
		return 1
	fi
	if [ "$2" = drop-in ]; then # as pahole encodes, and as the release's own steps store it
		if [ "$s" != 6.1 ]; then
			objcopy --dump-section ".BTF.base=$m.base" "$m" "$dir/copy" || return
			objcopy --dump-section ".BTF.base=$dir/vmlinux.command.ko.base" "$dir/vmlinux.command.ko" "$dir/copy" || return
		fi
		"$out/btfcompare" -ids -explain testdata/differences.md "${on[@]}" "$dir/vmlinux.command.ko" "$m"
	else
		cmp "$dir/vmlinux.command.ko" "$m"
	fi
}

without_btf() { # without_btf STATE HOOK
	build "$1" "$2" || return
	if has_section "$dir/$1.$2.ko" .BTF; then
		echo "there is BTF"
		return 1
	fi
	grep 'Skipping BTF generation for .*btfgen_test.ko due to unavailability of vmlinux' "$dir/$1.$2.log"
}

# doctor STATUS TEXT [VARIABLE]: what it says of the headers as they are.
doctor() {
	local status=0
	inside "btfgen doctor \$K ${3:-}" >"$dir/doctor" 2>&1 || status=$?
	cat "$dir/doctor"
	[ $status = "$1" ] && grep -q -- "$2" "$dir/doctor"
}

# unpack IMAGE FILE: the ELF file in a boot image of 6.1, which was compressed with lz4.
unpack() {
	local at
	for at in $(LC_ALL=C grep -aboP '\x02\x21\x4c\x18' "$1" | cut -d : -f 1); do
		tail -c "+$((at + 1))" "$1" | lz4 -dcq >"$2" 2>/dev/null || true # it complains of what follows
		if has_section "$2" .BTF 2>/dev/null; then return; fi
	done
	echo "no kernel with BTF in $1"
	return 1
}

test_series() { # test_series SERIES
	local tree headers dir=$out/$1 hook hooks=(command environment include GNUmakefile) in_headers s=$1 on=()
	if ! tree=$(scripts/fetch-kernel.sh "${cached[@]}" "headers-$1"); then
		if [ ${#cached[@]} -eq 0 ]; then failed=$((failed + 1)) && echo "FAILED  $1: not fetched"; else skip "$1" "scripts/fetch-kernel.sh headers-$1 has not fetched it"; fi
		return
	fi
	headers=$(cat "$tree/headers")
	in_headers=$dir/over/$headers/vmlinux
	rm -rf "$dir"
	mkdir -p "$dir"/{over/usr/bin,over/srv,work,root}
	cp "$out/btfgen" "$dir/over/usr/bin/btfgen"
	echo "== ${headers##*headers-}"
	check "$1: kbuild install" inside 'btfgen kbuild install --dest /srv/btfgen'

	if [ ! -e "$tree/root/$headers/vmlinux" ]; then
		if ! command -v lz4 >/dev/null; then
			skip "$1" "no lz4"
			return
		fi
		mkdir -p "$dir/over/$headers"
		check "$1: the boot image has BTF" unpack "$tree/root/boot/vmlinuz-${headers##*headers-}" "$in_headers"
	fi
	check "$1, vmlinux: doctor says yes" doctor 0 '^BTF will come out of this build' "'cmd_btf_ko=btfgen module \$@'"
	for hook in "${hooks[@]}"; do check "$1, vmlinux: $hook" with_btf vmlinux "$hook"; done
	if [ "$1" = 6.1 ]; then on=(-base "$in_headers"); else on=(-own-bases); fi
	check "$1, vmlinux: drop-in" with_btf vmlinux drop-in
	case $1 in 7.*) check "$1, vmlinux: script" with_btf vmlinux script ;; esac

	inside 'rm $K/vmlinux'
	check "$1, boot image: doctor asks for a hook" doctor 1 'TROUBLE vmlinux: .*btfgen kbuild show'
	check "$1, boot image: doctor says yes with it" doctor 0 '^ok .* base: /boot/vmlinuz' "'cmd_btf_ko=btfgen module \$@'"
	for hook in "${hooks[@]}"; do check "$1, boot image: $hook" with_btf image "$hook"; done

	inside 'rm /boot/vmlinuz*'
	check "$1, no BTF of the kernel: doctor says no" doctor 1 '^TROUBLE base: ' "'cmd_btf_ko=btfgen module \$@'"
	for hook in "${hooks[@]}"; do check "$1, no BTF of the kernel: $hook" without_btf none "$hook"; done
}

for tool in readelf objcopy unshare chroot; do
	if ! command -v "$tool" >/dev/null; then
		skip check-hooks "no $tool"
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
CGO_ENABLED=0 go build -o "$out/btfgen" ./cmd/btfgen
go build -o "$out/btfcompare" ./scripts/btfcompare
for s in "${series[@]}"; do test_series "$s"; done
echo "$passed passed, $failed failed"
[ "$failed" = 0 ]
