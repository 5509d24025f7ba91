# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Yocto: a host tool. The kernel's recipe takes it with
#
#   DEPENDS += "btfgen-native"
#   EXTRA_OEMAKE += "PAHOLE=btfgen-pahole RESOLVE_BTFIDS=${STAGING_BINDIR_NATIVE}/btfgen-resolve_btfids"
#
# and recipes of modules with
#
#   DEPENDS += "btfgen-native"
#   EXTRA_OEMAKE += "--eval='-include ${STAGING_DATADIR_NATIVE}/btfgen/module.mk'"
SUMMARY = "BTF for Linux kernels and modules, from their DWARF"
HOMEPAGE = "https://github.com/btfgen/btfgen"
LICENSE = "GPL-2.0-only | BSD-2-Clause"
LIC_FILES_CHKSUM = "file://LICENSES/BSD-2-Clause.txt;md5=ed2dbdfe31ab4635010051c0bc0e19af \
                    file://LICENSES/GPL-2.0-only.txt;md5=b234ee4d69f5fce4486a80fdaf4a4263"

SRC_URI = "${HOMEPAGE}/releases/download/v${PV}/btfgen-${PV}-vendor.tar.xz"
SRC_URI[sha256sum] = "0000000000000000000000000000000000000000000000000000000000000000"
S = "${UNPACKDIR}/btfgen-${PV}"

DEPENDS = "go-native"
inherit native

export GOFLAGS = "-mod=vendor"
export GOTOOLCHAIN = "local"
export GOCACHE = "${B}/.cache"
export VERSION = "${PV}"

do_compile() {
	DESTDIR=${B}/root PREFIX=${prefix} ${S}/scripts/packaging/install.sh tool
}

do_install() {
	cp -a --no-preserve=ownership ${B}/root/. ${D}/
}
