#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Makes what a release consists of, in an empty or new folder OUT:
#
#   btfgen-VERSION-vendor.tar.xz             source, with all modules it needs: builds without network
#   btfgen-VERSION-linux-ARCH.tar.gz         static program, manual pages, completions, for any distribution
#   btfgen, btfgen-hooks as .deb .rpm .apk   packages; the second, for all architectures, has DKMS use the first
#   SHA256SUMS
#
#   package.sh [--arch ARCH[,ARCH]...] [--format FORMAT[,FORMAT]...] OUT
#
# ARCH is Go's name, FORMAT one of source, tar, deb, rpm, apk; all by default. The same commit gives the same bytes.
# nfpm, pinned in packaging/tools/go.mod, makes the packages; it is built from the module cache or downloaded. The
# packages are not signed: that is for who publishes them.
#
# Environment: VERSION, like 1.2 or 1.2-rc1; by default that of the tag that is checked out, else 0.0-gitDATE.
# SOURCE_DATE_EPOCH, by default the time of the commit. MAINTAINER for the packages. NFPM, an nfpm to use instead.
set -euo pipefail
shopt -s inherit_errexit

usage() {
	echo "usage: package.sh [--arch ARCH[,ARCH]...] [--format FORMAT[,FORMAT]...] OUT" >&2
	exit 2
}

arches=(amd64 arm64 riscv64 ppc64le s390x loong64 arm)
formats=(source tar deb rpm apk)
while [ $# -gt 0 ]; do
	case $1 in
	--arch) [ $# -ge 2 ] || usage; IFS=, read -ra arches <<<"$2"; shift ;;
	--format) [ $# -ge 2 ] || usage; IFS=, read -ra formats <<<"$2"; shift ;;
	-*) usage ;;
	*) break ;;
	esac
	shift
done
[ $# -eq 1 ] || usage
for f in "${formats[@]}"; do
	case $f in source | tar | deb | rpm | apk) ;; *) usage ;; esac
done
mkdir -p "$1"
out=$(cd "$1" && pwd)
if [ -n "$(ls -A "$out")" ]; then
	echo "package.sh: $1 is not empty" >&2
	exit 1
fi
cd "$(dirname "$0")/.."

epoch=${SOURCE_DATE_EPOCH:-$(git log -1 --format=%ct)}
export SOURCE_DATE_EPOCH=$epoch
tag=$(git describe --exact-match --tags --match 'v[0-9]*' 2>/dev/null) || tag=
export VERSION=${VERSION:-${tag#v}}
VERSION=${VERSION:-0.0-git$(date -u -d "@$epoch" +%Y%m%d%H%M)}
export PACKAGE_VERSION=${VERSION%%-*} PACKAGE_PRERELEASE=
[ "$VERSION" = "$PACKAGE_VERSION" ] || PACKAGE_PRERELEASE=${VERSION#*-}
export MAINTAINER=${MAINTAINER:-btfgen developers <root@localhost>}
umask 022
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# wants FORMAT
wants() {
	[[ " ${formats[*]} " == *" $1 "* ]]
}

# archive FILE FOLDER NAME: what is in FOLDER, under NAME, compressed by the ending of FILE.
archive() {
	local pack=(gzip -9n)
	case $1 in *.xz) pack=(xz -T1) ;; esac
	tar -c -C "$2" --sort=name --mtime="@$epoch" --owner=0 --group=0 --numeric-owner --mode=u=rwX,go=rX --format=gnu \
		--transform="flags=r;s,^\.,$3," . | "${pack[@]}" >"$1"
}

# source_archive: what git tracks, and the modules.
source_archive() {
	local dir=$work/source
	mkdir "$dir"
	git ls-files -z | tar -c --null -T - | tar -x -C "$dir"
	go mod vendor -o "$dir/vendor"
	archive "$out/btfgen-$VERSION-vendor.tar.xz" "$dir" "btfgen-$VERSION"
}

# stage FOLDER PART [VARIABLE=VALUE]...: installs a part into a fresh folder, ready to be packed.
stage() {
	local dir=$1 part=$2
	shift 2
	env DESTDIR="$dir" "$@" scripts/packaging/install.sh "$part"
	if [ -d "$dir/usr/share/man" ]; then
		find "$dir/usr/share/man" -type f -exec gzip -9n {} +
	fi
	find "$dir" -exec touch -h -d "@$epoch" {} +
}

# contents FOLDER: the files in a staged folder, for nfpm. Folders that others have as well are not ours to own.
contents() {
	local file
	echo contents:
	while IFS= read -r file; do
		case $file in
		/etc/*) echo "  - {src: '$1$file', dst: '$file', type: config|noreplace}" ;;
		*) if [ -L "$1$file" ]; then
			echo "  - {src: '$(readlink "$1$file")', dst: '$file', type: symlink}"
		else
			echo "  - {src: '$1$file', dst: '$file'}"
		fi ;;
		esac
	done < <(cd "$1" && find . ! -type d | sed 's/^\.//' | LC_ALL=C sort)
	while IFS= read -r file; do
		echo "  - {dst: '$file', type: dir, file_info: {mode: 0755}}"
	done < <(cd "$1" && find . -type d -name btfgen | sed 's/^\.//' | LC_ALL=C sort)
}

# package FORMAT FOLDER: a package of what is staged in a folder, with NAME, ARCH and what else nfpm.yaml wants.
package() {
	{ cat scripts/packaging/nfpm.yaml && contents "$2"; } >"$work/nfpm.yaml"
	"$nfpm" package --config "$work/nfpm.yaml" --packager "$1" --target "$out/" >"$work/nfpm.log" 2>&1 || {
		cat "$work/nfpm.log" >&2
		return 1
	}
}

# packages ARCH: the tool for one architecture, in all formats.
packages() {
	local arch=$1 format dir
	local go=(GOOS=linux GOARCH="$arch")
	if [ "$arch" = arm ]; then go+=(GOARM=7); fi
	echo "$arch"
	dir=$work/$arch
	stage "$dir" tool "${go[@]}"
	if wants tar; then archive "$out/btfgen-$VERSION-linux-$arch.tar.gz" "$dir/usr" "btfgen-$VERSION-linux-$arch"; fi
	export NAME=btfgen ARCH=${arch/%arm/arm7} DEPENDS='' SUGGESTS=btfgen-hooks
	export DESCRIPTION="BTF for Linux kernels and modules, from their DWARF
Makes the type information of vmlinux and of kernel modules (.BTF, .BTF.base
and .BTF_ids). Takes the place of pahole and resolve_btfids in kernel builds,
or does all of it in one step."
	if wants apk; then package apk "$dir"; fi
	if wants rpm; then
		install -Dm644 scripts/packaging/rpm/macros.btfgen "$dir/usr/lib/rpm/macros.d/macros.btfgen"
		touch -d "@$epoch" "$dir/usr/lib/rpm/macros.d/macros.btfgen"
		package rpm "$dir"
		rm -r "$dir/usr/lib"
	fi
	if wants deb; then # where Debian has what others have elsewhere
		mkdir -p "$dir/usr/share/doc/btfgen"
		cat "$dir"/usr/share/licenses/btfgen/{LICENSE,BSD-2-Clause.txt} >"$dir/usr/share/doc/btfgen/copyright"
		echo 'On Debian systems, GPL-2.0 is in /usr/share/common-licenses/GPL-2.' >>"$dir/usr/share/doc/btfgen/copyright"
		rm -r "$dir/usr/share/licenses"
		mv "$dir/usr/share/zsh/site-functions" "$dir/usr/share/zsh/vendor-completions"
		touch -d "@$epoch" "$dir/usr/share/doc/btfgen/copyright"
		package deb "$dir"
	fi
	rm -r "$dir"
}

hooks() {
	local format
	stage "$work/hooks" hooks
	export NAME=btfgen-hooks ARCH=all DEPENDS=btfgen SUGGESTS=dkms
	export DESCRIPTION="have DKMS give the modules it builds BTF
Hooks of kernel packages, of kernel-install and of dkms.service that run DKMS
with btfgen in the place of the kernel's own BTF step. Without kernel headers,
or if anything fails, modules are built as before."
	for format in deb rpm apk; do
		if wants $format; then package $format "$work/hooks"; fi
	done
}

if wants deb || wants rpm || wants apk; then
	nfpm=${NFPM:-}
	if [ -z "$nfpm" ]; then
		nfpm=$work/nfpm
		(cd scripts/packaging/tools && go build -o "$nfpm" github.com/goreleaser/nfpm/v2/cmd/nfpm)
	fi
fi
if wants source; then source_archive; fi
for a in "${arches[@]}"; do packages "$a"; done
if wants deb || wants rpm || wants apk; then hooks; fi
(cd "$out" && sha256sum -- * >"$work/SHA256SUMS" && mv "$work/SHA256SUMS" .)
