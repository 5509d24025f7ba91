#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Prints N modules (*.ko) of a folder, or all: the 20 largest, and the others in even steps of size. The same
# folder gives the same modules each time.
#
#   sample-modules.sh DIR N|all
set -euo pipefail

[ $# = 2 ] || { echo "usage: sample-modules.sh DIR N|all" >&2; exit 2; }
find "$1" -name '*.ko' -type f -printf '%s %p\n' | LC_ALL=C sort -k1,1nr -k2 | cut -d' ' -f2- | awk -v want="$2" '
	{ file[NR] = $0 }
	END {
		if (NR == 0) exit 1
		top = want < 20 ? want : 20
		if (want == "all" || want + 0 >= NR) top = NR
		for (i = 1; i <= top; i++) print file[i]
		steps = want - top
		if (top < NR) for (i = 0; i < steps; i++) print file[top + 1 + int(i * (NR - top) / steps)]
	}' || { echo "sample-modules.sh: $1: no modules" >&2; exit 1; }
