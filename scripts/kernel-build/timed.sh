#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Stands between a kernel build and its BTF tools: runs the program of $BTF_TOOLS that has the name it is called by, and
# adds a line to $BTF_TIMES: name, vmlinux or modules, seconds that passed, seconds of user and of system time. So
# the build's command lines are the same whatever the tools are. That make asks for a version is not counted.
name=${0##*/}
case $* in *-version*) exec "$BTF_TOOLS/$name" "$@" ;; esac
what=vmlinux
case ${!#} in *.ko) what=modules ;; esac
TIMEFORMAT="$name $what %R %U %S"
exec 3>&2
{ time "$BTF_TOOLS/$name" "$@" 2>&3 3>&-; } 2>>"$BTF_TIMES"
