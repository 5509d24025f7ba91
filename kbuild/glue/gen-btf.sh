#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Takes the place of scripts/gen-btf.sh in Linux 7.0 and later, with the same command line:
#
#   gen-btf.sh [--btf_base FILE] ELF
#
# With a base, ELF is a module and gets .BTF and, if built out of tree, .BTF.base; its .BTF_ids is filled in. Without,
# ELF is the kernel and stays as it is: ELF.btf.o is for the linker, and ELF.BTF_ids for resolve_btfids --patch_btfids.
# No other files come to be, and no compiler or objcopy runs. BTFGEN names another btfgen.
set -e

usage() {
	echo "usage: $0 [--btf_base FILE] ELF" >&2
	exit 1
}

base=
while [ $# -gt 0 ]; do
	case $1 in
	--btf_base)
		[ $# -ge 2 ] || usage
		base=$2
		shift 2
		;;
	-*) usage ;;
	*) break ;;
	esac
done
[ $# -eq 1 ] || usage

verbose=
case ${KBUILD_VERBOSE:-} in
*1*)
	verbose=-v
	set -x
	;;
esac
if [ -n "$base" ]; then
	exec "${BTFGEN:-@BTFGEN@}" module $verbose --base "$base" "$1"
fi
layout= # the kernel asks for it among the features of pahole
case ${PAHOLE_FLAGS:-} in
*layout*) layout=--layout ;;
esac
exec "${BTFGEN:-@BTFGEN@}" vmlinux $verbose $layout "$1"
