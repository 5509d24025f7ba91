#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Whether what package.sh makes can be used: builds it twice and compares, builds the source without network, and in a
# fresh Debian (debootstrap) installs, uses and removes the packages: program, manual pages, completion in three
# shells, rpm's macros. There is no apk on Debian: of those only the contents are looked at.
#
#   check-packages.sh [FOLDER]     packages that are there already, the source among them, instead of making them
#
# What cannot be done here is skipped with a line, or with BTFGEN_REQUIRE_TOOLS=1 a failure. Needs root and debootstrap
# for the most part. Environment: SUITE (trixie), MIRROR (that of this machine's apt sources).
#
# Exit: 0 all passed, 1 a check failed or is missing, 2 usage.
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1
if [ $# -gt 1 ] || [[ ${1:-} == -* ]]; then
	echo "usage: check-packages.sh [FOLDER]" >&2
	exit 2
fi

suite=${SUITE:-trixie}
passed=0
failed=0
work=$(mktemp -d)
root=$work/root
trap 'rm -rf --one-file-system "$work"' EXIT

# check NAME COMMAND...
check() {
	local name=$1
	shift
	if "$@" >"$work/log" 2>&1; then
		echo "ok   $name"
		passed=$((passed + 1))
	else
		echo "FAIL $name"
		sed 's/^/     /' "$work/log"
		failed=$((failed + 1))
	fi
}

# skip NAME REASON
skip() {
	echo "SKIP: $1: $2"
	if [ "${BTFGEN_REQUIRE_TOOLS:-0}" = 1 ]; then failed=$((failed + 1)); fi
}

# inside SCRIPT [ARG]...: runs a shell script in the Debian.
inside() {
	unshare --mount -- sh -euc '
		mount -t proc proc "$1/proc"
		mount --rbind /dev "$1/dev"
		root=$1
		shift
		exec chroot "$root" /usr/bin/env -i HOME=/srv PATH=/usr/sbin:/usr/bin TERM=dumb LC_ALL=C.UTF-8 "$@"' sh "$root" sh -euc "$1" sh "${@:2}"
}

# one PATTERN: the one file of that name among the packages.
one() {
	local files
	mapfile -t files < <(compgen -G "$packages/$1")
	if [ ${#files[@]} -ne 1 ]; then
		echo "${#files[@]} files $packages/$1" >&2
		return 1
	fi
	echo "${files[0]}"
}

# says TEXT COMMAND...: whether what a command prints contains a text.
says() {
	local text=$1 got
	shift
	got=$("$@" 2>&1)
	if [[ $got != *"$text"* ]]; then
		printf 'no "%s" in what this prints: %s\n%s\n' "$text" "$*" "$got"
		return 1
	fi
}

# Without network, and without modules but those of the archive. Go's build cache is there as usual.
offline_build() {
	local tree=$work/source
	mkdir "$tree" "$work/nomods" && tar -xf "$packages"/*-vendor.tar.xz -C "$tree" --strip-components=1 || return
	DESTDIR=$work/offline GOFLAGS=-mod=vendor GOPROXY=off GOTOOLCHAIN=local GOMODCACHE=$work/nomods VERSION=9.8 \
		"${nonet[@]}" "$tree/scripts/packaging/install.sh" tool hooks &&
		says 'btfgen version 9.8' "$work/offline/usr/bin/btfgen" --version &&
		[ -z "$(ls -A "$work/nomods")" ]
}

static_programs() {
	local archive
	for archive in "$packages"/btfgen-*-linux-*.tar.gz; do
		tar -xzOf "$archive" --wildcards '*/bin/btfgen' >"$work/btfgen" || return
		readelf -lW "$work/btfgen" >"$work/segments" || return
		if grep -E 'INTERP|DYNAMIC' "$work/segments"; then
			echo "$archive: not static"
			return 1
		fi
	done
}

# foreign_programs: those for other machines, which qemu-user runs, write the bytes that this machine's writes.
foreign_programs() {
	local object=testdata/objects/many_units.gcc-x86_64.dwarf5.elf archive arch qemu
	"$work/offline/usr/bin/btfgen" encode -o "$work/native.btf" "$object" || return
	for archive in "$packages"/btfgen-*-linux-*.tar.gz; do
		arch=${archive##*-linux-}
		arch=${arch%.tar.gz}
		case $arch in
		"$(go env GOHOSTARCH)") continue ;;
		amd64) qemu="qemu-x86_64" ;;
		arm64) qemu="qemu-aarch64" ;;
		loong64) qemu="qemu-loongarch64" ;;
		*) qemu=qemu-$arch ;;
		esac
		tar -xzOf "$archive" --wildcards '*/bin/btfgen' >"$work/btfgen" && chmod 755 "$work/btfgen" &&
			"$qemu" "$work/btfgen" encode -o "$work/foreign.btf" "$object" &&
			cmp "$work/native.btf" "$work/foreign.btf" || return
	done
}

files_inside() {
	inside 'find / -xdev ! -path "/proc/*" ! -path "/dev/*" ! -path "/srv/*" ! -path "/var/lib/dpkg/*" ! -path "/var/cache/*" \
		! -path "/var/log/*" | LC_ALL=C sort'
}

same_files() {
	files_inside >"$work/files.now" && diff "$work/files" "$work/files.now"
}

# tab SHELL_COMMAND SETUP: types "btfgen enc<TAB>--he<TAB>" at a terminal; btfgen encode --help must come of it.
tab() {
	# shellcheck disable=SC2016 # for the inner shell to expand
	says 'btfgen encode [command options] FILE...' inside '{ printf "%s\n" "$2"; sleep 2; printf "btfgen enc\t--he\t\n"; sleep 2; printf "exit\n"; } |
		script -q -c "$1" /dev/null' "$1" "$2"
}

manual() {
	# shellcheck disable=SC2016
	inside '
		for page in btfgen btfgen-encode btfgen-module btfgen-pahole btfgen-resolve_btfids; do
			man -w $page
			MANWIDTH=80 man $page | grep SYNOPSIS >/dev/null
		done
		for file in /usr/share/man/man1/btfgen*; do
			complaints=$(man --warnings=w -l "$file" 2>&1 >/dev/null)
			[ -z "$complaints" ] || { echo "$file: $complaints"; exit 1; }
		done'
}

rpms() {
	local tool hooks
	tool=$(one "btfgen-[0-9]*.$(uname -m).rpm") && hooks=$(one 'btfgen-hooks-*.rpm') || return
	cp "$tool" "$hooks" "$root/srv/" || return
	# shellcheck disable=SC2016
	inside '
		rpm --root /srv/rpms --initdb
		rpm --root /srv/rpms -i --nodeps /srv/btfgen-*.rpm
		rpm --root /srv/rpms -V btfgen btfgen-hooks
		/srv/rpms/usr/bin/btfgen --version
		[ "$(rpm --root /srv/rpms -qc btfgen-hooks | wc -l)" = 2 ]
		mkdir -p /srv/macros
		cp /srv/rpms/usr/lib/rpm/macros.d/macros.btfgen /srv/macros/
		[ "$(rpm --load /srv/macros/macros.btfgen --eval "%{btfgen_keep_btf}")" = "--keep-section .BTF --keep-section .BTF.base" ]
		rpm --root /srv/rpms -e btfgen-hooks btfgen
		left=$(find /srv/rpms ! -type d ! -path "*/var/lib/rpm/*" ! -path "*/usr/lib/sysimage/rpm/*")
		[ -z "$left" ] || { echo "left: $left"; exit 1; }'
}

apks() {
	local tool dir=$work/apk
	tool=$(one "btfgen_*_$(uname -m).apk") && mkdir "$dir" && tar -xzf "$tool" -C "$dir" &&
		says 'pkgname = btfgen' cat "$dir/.PKGINFO" && says 'btfgen version' "$dir/usr/bin/btfgen" --version
}

packages=$work/packages
if [ $# -eq 1 ]; then
	packages=$(cd "$1" && pwd) || exit 1
else
	arch=$(go env GOARCH)
	if ! scripts/package.sh --arch "$arch" "$packages" >"$work/log" 2>&1; then
		cat "$work/log"
		echo "FAIL no packages"
		exit 1
	fi
	again() { scripts/package.sh --arch "$arch" "$work/again" && diff -r "$packages" "$work/again"; }
	check "made again, packages have the same bytes" again
fi
nonet=()
if unshare --net true 2>/dev/null; then nonet=(unshare --net); fi
check "the source builds with its own modules${nonet:+, without network}" offline_build
check "programs are static" static_programs
if [ "$(compgen -G "$packages/btfgen-*-linux-*.tar.gz" | wc -l)" -gt 1 ]; then
	if command -v qemu-aarch64 >/dev/null; then
		check "programs for other machines" foreign_programs
	else
		skip "programs for other machines" "no qemu-user"
	fi
fi
check "apk: contents" apks

if [ "$(id -u)" != 0 ]; then
	skip "installation" "not root"
elif ! command -v debootstrap >/dev/null; then
	skip "installation" "no debootstrap"
else
	mirror=${MIRROR:-$(apt-get indextargets --format '$(SITE) $(RELEASE)' 2>/dev/null | awk '$1 ~ /debian\/?$/ && !n++ { print $1 }')}
	if ! debootstrap --variant=minbase --include=bash-completion,fish,man-db,rpm,zsh "$suite" "$root" ${mirror:+"$mirror"} \
		>"$work/debootstrap.log" 2>&1; then
		tail -n 5 "$work/debootstrap.log"
		echo "FAIL no Debian to install in"
		exit 1
	fi
	debarch=$(chroot "$root" dpkg --print-architecture)
	cp "$(one "btfgen_*_$debarch.deb")" "$root/srv/btfgen.deb"
	cp "$(one 'btfgen-hooks_*_all.deb')" "$root/srv/btfgen-hooks.deb"
	files_inside >"$work/files"
	check "dpkg -i" inside 'dpkg -i /srv/btfgen.deb /srv/btfgen-hooks.deb'
	check "btfgen runs" says 'btfgen version' inside 'btfgen --version'
	check "btfgen-pahole runs" inside 'btfgen-pahole --version | grep -x "v1\.[0-9]*"'
	check "btfgen-resolve_btfids runs" says 'resolve_btfids [OPTION...]' inside 'btfgen-resolve_btfids --help'
	check "manual pages" manual
	check "bash: TAB" tab 'bash --norc --noprofile -i' '. /usr/share/bash-completion/bash_completion'
	check "zsh: TAB" tab 'zsh -f -i' 'autoload -U compinit && compinit -D'
	check "fish: completion" says encode inside "fish -c 'complete -C \"btfgen en\"'"
	check "fish: completion of an option" says --out-dir inside "fish -c 'complete -C \"btfgen encode --out\"'"
	check "hooks do nothing without dkms" inside '/etc/kernel/postinst.d/btfgen 1.2; /usr/lib/kernel/install.d/35-btfgen.install add 1.2 /x /y'
	check "dpkg -r of the hooks leaves one that does nothing" inside 'dpkg -r btfgen-hooks; /etc/kernel/postinst.d/btfgen 1.2'
	check "dpkg -P" inside 'dpkg -P btfgen-hooks btfgen'
	check "nothing is left" same_files
	check "rpm: install, verify, macros, remove" rpms
fi
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
