#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Builds btfgen and installs it below $DESTDIR: the one place that says what belongs where. Packagers call it.
#
#   install.sh [tool] [hooks]     tool if nothing is named
#
#   tool    the program under its names, manual pages, completions, the makefile for builds of modules, licences
#   hooks   what has DKMS use it: hooks of Debian's kernel packages, of kernel-install, of dkms.service
#
# Environment:
#   DESTDIR            folder to install below; "/" installs on this system
#   PREFIX             /usr; hooks name /usr whatever this is
#   VERSION            what btfgen --version prints
#   SOURCE_DATE_EPOCH  date of the manual pages
#   ZSH_DIR            folder for zsh's completion, below PREFIX (share/zsh/site-functions)
#   GO, GOFLAGS, GOARCH, GOARM, ...  as usual. With a vendor folder nothing is downloaded, and cross-building needs
#                      no emulator: pages and completions come from a build for this machine.
set -eu
cd "$(dirname "$0")/../.."
: "${DESTDIR:?the folder to install below}"
prefix=$DESTDIR${PREFIX:-/usr}
go=${GO:-go}
here=scripts/packaging

# build OUT: static, and the same bytes whoever builds it where. The tag leaves out a generator of documents that
# nothing uses.
build() {
	CGO_ENABLED=0 "$go" build -trimpath -buildvcs=false -tags urfave_cli_no_docs \
		-ldflags "-s -w -buildid= -X main.version=${VERSION:-devel}" -o "$1" ./cmd/btfgen
}

install_tool() {
	mkdir -p "$prefix/bin" "$prefix/share/man/man1"
	build "$prefix/bin/btfgen"
	for name in pahole resolve_btfids; do
		ln -sf btfgen "$prefix/bin/btfgen-$name"
		echo '.so man1/btfgen.1' >"$prefix/share/man/man1/btfgen-$name.1"
	done

	work=$(mktemp -d)
	trap 'rm -rf "$work"' EXIT
	( # for this machine, whatever is being built for
		unset GOOS GOARCH GOARM GOAMD64 GOARM64
		build "$work/btfgen"
		"$go" build -o "$work/mkman" ./scripts/mkman
	)
	"$work/btfgen" completion json >"$work/table"
	"$work/mkman" -date "${SOURCE_DATE_EPOCH:-0}" "$prefix/share/man/man1" <"$work/table"
	completion bash share/bash-completion/completions/btfgen
	completion fish share/fish/vendor_completions.d/btfgen.fish
	completion zsh "${ZSH_DIR:-share/zsh/site-functions}/_btfgen"

	install -Dm644 "$here/dkms/module.mk" "$prefix/share/btfgen/module.mk"
	install -Dm644 "$here/dkms/override.conf" "$prefix/share/btfgen/override.conf"
	install -Dm644 -t "$prefix/share/licenses/btfgen" LICENSE LICENSES/*
	chmod 644 "$prefix/share/man/man1"/btfgen*.1
}

# completion SHELL FILE
completion() {
	mkdir -p "$prefix/$(dirname "$2")"
	"$work/btfgen" completion "$1" >"$prefix/$2"
	chmod 644 "$prefix/$2"
}

install_hooks() {
	install -Dm755 "$here/hooks/dkms-autoinstall" "$DESTDIR/usr/lib/btfgen/dkms-autoinstall"
	install -Dm755 "$here/hooks/kernel-hook" "$DESTDIR/etc/kernel/postinst.d/btfgen"
	install -Dm755 "$here/hooks/kernel-hook" "$DESTDIR/etc/kernel/header_postinst.d/btfgen"
	install -Dm755 "$here/hooks/35-btfgen.install" "$DESTDIR/usr/lib/kernel/install.d/35-btfgen.install"
	install -Dm644 "$here/hooks/dkms.service.conf" "$DESTDIR/usr/lib/systemd/system/dkms.service.d/btfgen.conf"
}

umask 022
[ $# -gt 0 ] || set -- tool
for part; do
	case $part in
	tool) install_tool ;;
	hooks) install_hooks ;;
	*)
		echo "usage: DESTDIR=DIR install.sh [tool] [hooks]" >&2
		exit 2
		;;
	esac
done
