# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# The BTF step of a module build, for kernels from 5.11 on: scripts/Makefile.modfinal runs this after the link, and
# before anything strips, signs or compresses. Not even a failure keeps the module from being built, it then has no BTF.
#
#   make --eval='-include /usr/share/btfgen/module.mk' ...
#
# reads it in every make below that one, too.
override cmd_btf_ko = btfgen module --objtree=$(objtree) $@ || :
