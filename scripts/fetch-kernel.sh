#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Fetches a real kernel with DWARF, the tools btfgen is compared with, what scripts/vmtest.sh boots, the headers that
# scripts/check-hooks.sh builds modules with, or the sources that scripts/kernel-build.sh builds, from the Debian
# archive this machine is set up to use.
# Needs apt-get, dpkg-deb and tar; no root. Nothing is installed, and the machine's own package lists
# stay as they are.
#
#   fetch-kernel.sh                                lists the names
#   fetch-kernel.sh [--vmlinux-only] NAME [DIR]    fetches one, unless DIR has it already
#   fetch-kernel.sh --cached NAME [DIR]            never fetches: exit status 3 if DIR lacks it
#
# DIR is by default $BTFGEN_CORPUS, else ${XDG_CACHE_HOME:-~/.cache}/btfgen. Prints the folder
# that holds vmlinux; for vm-*, headers-* and cross-*, the one described at fetch_vm, fetch_headers and fetch_cross;
# for source-*, the top of the source tree;
# for peers, the one that holds the commands:
#
#   pahole-1.32 pahole-1.30   encoders with nested and with flat arrays (testdata/differences.md)
#   bpftool                   dumps BTF
#   resolve_btfids-7.3 -6.12  resolvers, with libbpf's deduplication
#
# A kernel takes 1 to 5 GB with its modules, 0.3 to 0.45 GB with --vmlinux-only, a vm-*, headers-* or
# cross-* 0.3 GB, a source-* 1.5 to 1.9 GB.
set -euo pipefail

# name | architecture | suites | pattern of the package name
kernels='
cloud-6.12 | amd64 | trixie               | linux-image-6\.12\.[0-9]+\+deb13-cloud-amd64-dbg
cloud-7.2  | amd64 | sid trixie-backports | linux-image-7\.2\.[0-9]+\+deb1[34]-cloud-amd64-dbg
amd64-7.2  | amd64 | sid trixie-backports | linux-image-7\.2\.[0-9]+\+deb1[34]-amd64-dbg
arm64-7.2  | arm64 | sid trixie-backports | linux-image-7\.2\.[0-9]+\+deb1[34]-cloud-arm64-dbg
s390x-7.2  | s390x | sid trixie-backports | linux-image-7\.2\.[0-9]+\+deb1[34]-s390x-dbg
'

# name | suites | pattern of the releases to build modules for | pattern of those to boot
# The oldest that has headers and the newest are taken, which must be two. Only 7.3 needs
# experimental so far: a single point release of it is in backports.
vms='
vm-6.12 | trixie trixie-security               | 6\.12\.[0-9]+\+deb13-cloud-amd64 | 6\.12\.[0-9]+\+deb13-cloud-amd64
vm-7.2  | trixie trixie-backports              | 7\.2\.[0-9]+\+deb13-cloud-amd64  | 7\.2\.[0-9]+\+deb13-cloud-amd64
vm-7.3  | trixie trixie-backports experimental | 7\.3\.[0-9]+\+deb13-cloud-amd64  | 7\.3(\.[0-9]+\+deb13)?-cloud-amd64
'

# name | suites | pattern of the release
headers='
headers-6.1  | bookworm bookworm-security           | 6\.1\.0-[0-9]+-cloud-amd64
headers-6.12 | trixie trixie-security               | 6\.12\.[0-9]+\+deb13-cloud-amd64
headers-7.2  | trixie trixie-backports              | 7\.2\.[0-9]+\+deb13-cloud-amd64
headers-7.3  | trixie trixie-backports experimental | 7\.3\.[0-9]+\+deb13-cloud-amd64
'

# name | architecture of the modules | suites | pattern of the release | compiler
crosses='
cross-arm64 | arm64 | trixie trixie-backports | 7\.2\.[0-9]+\+deb13-cloud-arm64 | gcc-14-aarch64-linux-gnu
cross-s390x | s390x | trixie                  | 6\.12\.[0-9]+\+deb13-s390x      | gcc-14-s390x-linux-gnu
'

# name | suites | package
sources='
source-6.1  | bookworm bookworm-security           | linux-source-6.1
source-6.12 | trixie trixie-security               | linux-source-6.12
source-7.2  | trixie trixie-backports              | linux-source-7.2
source-7.3  | trixie trixie-backports experimental | linux-source-7.3
'

die() {
	echo "fetch-kernel.sh: $*" >&2
	exit 1
}

# archive: sets uri and keyring to those of the first Debian archive in the machine's apt sources.
archive() {
	local lines
	lines=$(sed 's/#.*//' /etc/apt/sources.list /etc/apt/sources.list.d/*.list /etc/apt/sources.list.d/*.sources 2>/dev/null) || true
	uri=$(awk '$1 == "URIs:" { print $2 } $1 == "deb" { sub(/\[[^]]*\]/, ""); print $2 }' <<<"$lines" |
		grep -E '/debian/?$' | head -n 1) || true
	[ -n "$uri" ] || die "no Debian archive among this machine's apt sources"
	keyring=/usr/share/keyrings/debian-archive-keyring.gpg
	[ -e "$keyring" ] || die "no $keyring (package debian-archive-keyring)"
}

# apt COMMAND ARG...: apt-get or apt-cache for $arch over $suites, with a state of their own.
apt() {
	local command=$1
	shift
	"$command" -qq -o Dir::State="$state" -o Dir::State::Lists="$state/lists" -o Dir::State::status="$state/status" \
		-o Dir::Cache="$state/cache" -o Dir::Etc::sourcelist="$state/sources.list" -o Dir::Etc::sourceparts=/dev/null \
		-o Dir::Etc::preferencesparts=/dev/null -o Dir::Etc::preferences=/dev/null \
		-o APT::Architecture="$arch" -o APT::Architectures="$arch" -o APT::Sandbox::User=root -o Acquire::Retries=3 "$@"
}

# use_suites ARCH SUITE...: package lists, at most a day old.
use_suites() {
	local suite
	state="$dir/apt/$*"
	state=${state// /-}
	arch=$1
	shift
	archive
	mkdir -p "$state/lists/partial" "$state/cache/archives/partial"
	touch "$state/status"
	for suite; do
		case $suite in
		*-security) echo "deb [signed-by=$keyring] ${uri%/debian*}/debian-security $suite main" ;;
		*) echo "deb [signed-by=$keyring] $uri $suite main" ;;
		esac
	done >"$state/sources.list.new"
	if cmp -s "$state/sources.list.new" "$state/sources.list" && [ -n "$(find "$state/updated" -mtime -1 2>/dev/null)" ]; then
		return
	fi
	mv "$state/sources.list.new" "$state/sources.list"
	rm -f "$state/updated"
	echo "reading the package lists of $* ($arch)" >&2
	if apt apt-get -o APT::Update::Error-Mode=any update >&2; then
		touch "$state/updated"
	else # in the middle of a mirror's update, say; the package may be in another suite
		echo "fetch-kernel.sh: not all package lists of $* are available from $uri; going on with the others" >&2
	fi
}

# download PACKAGE...: into a fresh folder, whose path it sets in $debs.
download() {
	debs=$work/debs
	rm -rf "$debs"
	mkdir -p "$debs"
	(cd "$debs" && apt apt-get download "$@" >&2) || die "no download of $*"
}

# fetch_kernel NAME: unpacks into $work/tree.
fetch_kernel() {
	local suites pattern package deb
	IFS='|' read -r _ arch suites pattern <<<"$row"
	# shellcheck disable=SC2086 # a list of words
	use_suites ${arch// /} $suites
	package=$(apt apt-cache pkgnames linux-image- | grep -xE "${pattern// /}" | sort -V | tail -n 1) || true
	[ -n "$package" ] || die "the archive has no package$pattern"
	echo "fetching $package ($arch)" >&2
	download "$package"
	mkdir "$work/tree"
	for deb in "$debs"/*.deb; do
		if $vmlinux_only; then
			dpkg-deb --fsys-tarfile "$deb" | tar -x -C "$work/tree" --wildcards '*/vmlinux' '*/vmlinux-*' 2>"$work/tar.err" ||
				[ -n "$(find "$work/tree" -name 'vmlinux*' -type f)" ] || die "$package: $(cat "$work/tar.err")"
		else
			dpkg-deb -x "$deb" "$work/tree"
		fi
		rm -f "$deb"
	done
	[ -e "$(vmlinux "$work/tree")" ] || die "$package holds no vmlinux"
}

# releases PREFIX PATTERN: those the archive has a package PREFIX-release of, oldest first.
releases() {
	apt apt-cache pkgnames "$1-" | sed "s/^$1-//" | grep -xE "$2" | sort -V
}

# boot_image RELEASE FILE: the image of a kernel that can be booted.
boot_image() {
	local package=linux-image-$1 # which depends on the package of the kernel, from 6.19 on
	if [ -n "$(apt apt-cache pkgnames "linux-binary-$1")" ]; then package=linux-binary-$1; fi
	echo "fetching $package" >&2
	download "$package"
	mkdir "$work/image"
	dpkg-deb -x "$debs"/*.deb "$work/image"
	find "$work/image" -name 'vmlinuz*' -type f -exec mv {} "$2" \;
	[ -e "$2" ] || die "$package holds no vmlinuz"
	rm -rf "$work/image"
}

# unpack_root PACKAGE...: with what they depend on, into $work/tree/root, a system to chroot to. $work/status is what is
# there already.
unpack_root() {
	local link deb
	debs=$work/debs
	rm -rf "$debs"
	mkdir -p "$debs/partial" "$work/tree/root/usr"/{bin,sbin,lib,lib64} "$work/tree/root"/{build,dev,proc,tmp}
	apt apt-get -o Dir::State::status="$work/status" -o Dir::Cache::archives="$debs" -o Debug::NoLocking=1 \
		install --download-only --no-install-recommends -y "$@" binutils coreutils dash diffutils findutils grep make mawk sed >&2 ||
		die "no download of $1"
	for link in bin sbin lib lib64; do ln -s "usr/$link" "$work/tree/root/$link"; done
	for deb in "$debs"/*.deb; do
		dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink -C "$work/tree/root"
		rm "$deb"
	done
	rm -rf "$work/tree/root/usr/share"/{doc,man,info,locale}
	ln -s mawk "$work/tree/root/usr/bin/awk"
}

# fetch_root RELEASE: into $work/tree
#
#   root/                       a system to chroot to: make, gcc and the headers of a release
#   headers                     the path of those headers below root/
#
# The packages of root/ are only unpacked. kbuild's programs are linked with the C library of the
# suite that the kernel is from, and its flags are for that suite's compiler, so all come from there.
fetch_root() {
	local version
	# Headers up to 6.12 depend on their kernel, which is 80 MB with what that depends on, for nothing.
	version=$(apt apt-cache show "linux-headers-$1" | awk '$1 == "Version:" && !n++ { print $2 }')
	printf '%s\n' "Package: linux-image-$1" "Version: $version" "Status: install ok installed" \
		"Architecture: amd64" "Maintainer: nobody" "Description: not needed" >"$work/status"
	echo "fetching linux-headers-$1, a compiler and make" >&2
	unpack_root "linux-headers-$1"
	echo "usr/src/linux-headers-$1" >"$work/tree/headers"
}

# fetch_vm NAME: into $work/tree, what fetch_root makes, and
#
#   vmlinuz release             the kernel to boot, and its release, another than that of the headers
fetch_vm() {
	local suites built booted build boot
	IFS='|' read -r _ suites built booted <<<"$row"
	# shellcheck disable=SC2086 # a list of words
	use_suites amd64 $suites
	build=$(releases linux-headers "${built// /}" | head -n 1) || true
	boot=$(releases linux-image "${booted// /}" | grep -vxF "$build" | tail -n 1) || true
	[ -n "$build" ] || die "the archive has no linux-headers-$built"
	[ -n "$boot" ] || die "the archive has no linux-image-$booted besides $build"
	mkdir "$work/tree"
	boot_image "$boot" "$work/tree/vmlinuz"
	echo "$boot" >"$work/tree/release"
	fetch_root "$build"
	[ -e "$work/tree/root/usr/src/linux-headers-$build/vmlinux" ] || die "linux-headers-$build holds no vmlinux"
}

# fetch_headers NAME: into $work/tree, what fetch_root makes for the newest release, and root/boot with its boot image.
fetch_headers() {
	local suites pattern release
	IFS='|' read -r _ suites pattern <<<"$row"
	# shellcheck disable=SC2086 # a list of words
	use_suites amd64 $suites
	release=$(releases linux-headers "${pattern// /}" | tail -n 1) || true
	[ -n "$release" ] || die "the archive has no linux-headers-$pattern"
	fetch_root "$release"
	mkdir -p "$work/tree/root/boot"
	boot_image "$release" "$work/tree/root/boot/vmlinuz-$release"
}

# fetch_cross NAME: into $work/tree, what fetch_vm makes, but with headers and a compiler of another architecture. The programs
# of kbuild are for this one. If the archive has one release only, that is also the one to boot.
fetch_cross() {
	local target suites pattern compiler build boot deb=$work/headers.deb
	IFS='|' read -r _ target suites pattern compiler <<<"$row"
	mkdir "$work/tree"
	# shellcheck disable=SC2086 # a list of words
	use_suites ${target// /} $suites
	build=$(releases linux-headers "${pattern// /}" | head -n 1) || true
	[ -n "$build" ] || die "the archive has no linux-headers-$pattern"
	echo "fetching linux-headers-$build" >&2
	download "linux-headers-$build"
	mv "$debs"/*.deb "$deb"
	for boot in $(releases linux-headers "${pattern// /}" | tac); do
		if (boot_image "$boot" "$work/tree/vmlinuz"); then break; fi # packages of some architectures come later than the lists
	done
	[ -e "$work/tree/vmlinuz" ] || die "the archive has no linux-image-$pattern"
	echo "$boot" >"$work/tree/release"
	echo "fetching${compiler% } and make" >&2
	# shellcheck disable=SC2086
	use_suites amd64 $suites
	true >"$work/status"
	unpack_root "${compiler// /}" "linux-headers-${build%%-*}-common" "linux-kbuild-${build%%-*}"
	dpkg-deb --fsys-tarfile "$deb" | tar -x --keep-directory-symlink -C "$work/tree/root"
	rm "$deb"
	echo "usr/src/linux-headers-$build" >"$work/tree/headers"
	[ -e "$work/tree/root/usr/src/linux-headers-$build/vmlinux" ] || die "linux-headers-$build holds no vmlinux"
}

# fetch_source NAME: $work/tree becomes the source that Debian builds the kernel from.
fetch_source() {
	local suites package
	IFS='|' read -r _ suites package <<<"$row"
	# shellcheck disable=SC2086 # a list of words
	use_suites amd64 $suites
	package=${package// /}
	apt apt-cache pkgnames "$package" | grep -xF "$package" >/dev/null || die "the archive has no $package in$suites"
	echo "fetching $package" >&2
	download "$package"
	dpkg-deb --fsys-tarfile "$debs"/*.deb | tar -x -O --wildcards "*/$package.tar.xz" >"$work/$package.tar.xz"
	rm -r "$debs"
	mkdir "$work/tree"
	tar -x -C "$work/tree" --strip-components=1 -f "$work/$package.tar.xz"
	[ -e "$work/tree/Kbuild" ] || die "$package holds no kernel"
}

vmlinux() {
	find "$1" -path '*/modules/*' -name vmlinux | head -n 1
}

# wrap NAME PROGRAM LIBRARY_FOLDER...: a command that runs it with those libraries and no others.
wrap() {
	local name=$1 program=$2 libs
	shift 2
	# shellcheck disable=SC2016 # $tree is expanded when the wrapper runs
	libs=$(printf ':$tree/%s' "$@")
	{
		echo '#!/bin/sh'
		# shellcheck disable=SC2016
		echo 'tree=$(dirname "$(dirname "$(readlink -f "$0")")")'
		echo "exec \"\$tree/sid/usr/lib/x86_64-linux-gnu/ld-linux-x86-64.so.2\" --library-path \"${libs#:}\" \"\$tree/$program\" \"\$@\""
	} >"$work/tree/bin/$name"
	chmod 755 "$work/tree/bin/$name"
}

# unpack_peers SUITE: $debs under its name, and their versions into packages.txt (for bench.sh).
unpack_peers() {
	local deb
	for deb in "$debs"/*.deb; do
		dpkg-deb -x "$deb" "$work/tree/$1"
		# shellcheck disable=SC2016 # for dpkg-deb to expand
		dpkg-deb -W --showformat='${Package} ${Version} ('"$1"')\n' "$deb" >>"$work/tree/packages.txt"
	done
}

# fetch_peers: the newer C library comes along, so that the tools run on an older system.
fetch_peers() {
	local version lib=usr/lib/x86_64-linux-gnu
	mkdir -p "$work/tree/bin" "$work/tree/sid" "$work/tree/trixie"
	use_suites amd64 sid trixie
	echo "fetching pahole and bpftool" >&2
	download {pahole,libdwarves1,bpftool,libdw1t64,libelf1t64,libbpf1,libc6,zlib1g,libzstd1,liblzma5,libbz2-1.0,libcap2,libssl3t64}/sid
	unpack_peers sid
	download {pahole,libbpf1}/trixie
	unpack_peers trixie
	wrap pahole-1.32 sid/usr/bin/pahole "sid/$lib"
	wrap pahole-1.30 trixie/usr/bin/pahole "trixie/$lib" "sid/$lib"
	wrap bpftool sid/usr/sbin/bpftool "sid/$lib"
	for version in 1.32 1.30; do
		[ "$("$work/tree/bin/pahole-$version" --version)" = "v$version" ] || die "the archive has no pahole $version any more"
	done
	"$work/tree/bin/bpftool" version >/dev/null
	fetch_resolver 7.3 trixie-backports
	fetch_resolver 6.12 trixie
}

# fetch_resolver VERSION SUITE: resolve_btfids comes with the tools for building modules.
fetch_resolver() {
	local version=$1 suite=$2 package file
	use_suites amd64 "$suite"
	package=$(apt apt-cache pkgnames "linux-kbuild-$version." | grep -E '[0-9]\+deb13$' | sort -V | tail -n 1) || true
	[ -n "$package" ] || die "the archive has no linux-kbuild-$version in $suite"
	echo "fetching $package" >&2
	download "$package"
	unpack_peers "$suite-$version"
	file=$(cd "$work/tree" && find "$suite-$version" -name resolve_btfids -type f | head -n 1)
	[ -n "$file" ] || die "$package holds no resolve_btfids"
	wrap "resolve_btfids-$version" "$file" sid/usr/lib/x86_64-linux-gnu
}

vmlinux_only=false
cached=false
while [ $# -gt 0 ]; do
	case $1 in
	--vmlinux-only) vmlinux_only=true ;;
	--cached) vmlinux_only=true cached=true ;;
	*) break ;;
	esac
	shift
done
if [ $# -eq 0 ]; then
	awk -F' *[|]' 'NF > 1 { print $1 }' <<<"$kernels$vms$headers$crosses$sources"
	echo peers
	exit
fi
if [ $# -gt 2 ]; then
	echo "usage: fetch-kernel.sh [--vmlinux-only | --cached] NAME [DIR]" >&2
	exit 2
fi
name=$1
dir=${2:-${BTFGEN_CORPUS:-${XDG_CACHE_HOME:-$HOME/.cache}/btfgen}}
if $cached && [ ! -d "$dir" ]; then exit 3; fi
mkdir -p "$dir"
dir=$(cd "$dir" && pwd)
row=$(awk -F' *[|]' -v name="$name" '$1 == name' <<<"$kernels$vms$headers$crosses$sources")
if [ "$name" != peers ] && [ -z "$row" ]; then
	echo "fetch-kernel.sh: no kernel named $name" >&2
	exit 2
fi

exec 9>"$dir/.lock"
flock 9
dest=$dir/$name
case $name in
peers | vm-* | headers-* | cross-* | source-*) vmlinux_only=false ;; # whole or not at all
esac
if [ ! -e "$dest/.whole" ] && { ! $vmlinux_only || [ ! -e "$dest/.vmlinux" ]; }; then
	if $cached; then exit 3; fi
	work=$dir/.new
	rm -rf "$work"
	mkdir "$work"
	trap 'rm -rf "$work"' EXIT
	case $name in
	peers) fetch_peers ;;
	vm-*) fetch_vm ;;
	headers-*) fetch_headers ;;
	cross-*) fetch_cross ;;
	source-*) fetch_source ;;
	*) fetch_kernel ;;
	esac
	if $vmlinux_only; then touch "$work/tree/.vmlinux"; else touch "$work/tree/.whole"; fi
	rm -rf "$dest"
	mv "$work/tree" "$dest"
fi
case $name in
peers) echo "$dest/bin" ;;
vm-* | headers-* | cross-* | source-*) echo "$dest" ;;
*) dirname "$(vmlinux "$dest")" ;;
esac
