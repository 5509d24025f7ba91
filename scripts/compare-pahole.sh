#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Encodes a vmlinux with btfgen and with pahole and compares the results by
# structure (scripts/btfcompare). Prints, per comparison, what differs and what of
# it no rule explains; succeeds if nothing is left unexplained.
#
#   compare-pahole.sh VMLINUX [--against shipped|1.30|1.32|all]
#
#   1.32      pahole v1.32, every type and function (the default)
#   1.30      pahole v1.30. What differs between v1.30 and v1.32 on the same file
#             is explained by that, with v1.32's reason where it gives one; so this
#             needs both.
#   shipped   the .BTF in VMLINUX itself. What differs between it and v1.32 (work of
#             resolve_btfids, an older pahole) is explained by that.
#
# Rules: testdata/differences.md and, for the latter two, the difference of the
# references; nothing else is tolerated.
#
# Environment:
#   PAHOLE_130, PAHOLE_132    the binaries (default: pahole-1.30, pahole-1.32 on PATH)
#   BTFGEN                    a btfgen to use instead of building one
#   FEATURES                  BTF features for all encoders
#   JOBS                      workers (default: online CPUs)
#   SHOW                      differences to print per kind (default 5)
#   KEEP                      a directory for the outputs, kept
#   BTFGEN_REQUIRE_TOOLS=1    a missing pahole is a failure instead of a SKIP line
#
# Exit: 0 nothing unexplained, 1 otherwise or a tool failed, 2 usage.
set -euo pipefail
shopt -s inherit_errexit

# What kernels 6.10 to 7.2 ask for (scripts/Makefile.btf), without `attributes`.
FEATURES=${FEATURES:-encode_force,var,float,enum64,decl_tag,type_tag,optimized_func,consistent_func,decl_tag_kfuncs}
JOBS=${JOBS:-$(getconf _NPROCESSORS_ONLN)}
PAHOLE_130=${PAHOLE_130:-pahole-1.30}
PAHOLE_132=${PAHOLE_132:-pahole-1.32}

usage() {
	echo "usage: compare-pahole.sh VMLINUX [--against shipped|1.30|1.32|all]" >&2
	exit 2
}

vmlinux='' against=1.32
while [ $# -gt 0 ]; do
	case $1 in
	--against) [ $# -ge 2 ] || usage; against=$2; shift ;;
	--against=*) against=${1#*=} ;;
	-*) usage ;;
	*) [ -z "$vmlinux" ] || usage; vmlinux=$1 ;;
	esac
	shift
done
[ -n "$vmlinux" ] || usage
case $against in
all) against="1.32 1.30 shipped" ;;
shipped | 1.30 | 1.32) ;;
*) usage ;;
esac
[ -r "$vmlinux" ] || { echo "compare-pahole.sh: $vmlinux: cannot read it" >&2; exit 1; }
vmlinux=$(realpath "$vmlinux")

repo=$(cd "$(dirname "$0")/.." && pwd)
if [ -n "${KEEP:-}" ]; then
	mkdir -p "$KEEP"
	out=$(realpath "$KEEP")
else
	out=$(mktemp -d)
	trap 'rm -rf "$out"' EXIT
fi
cd "$repo"

failed=0
skip() { # skip NAME REASON
	echo "SKIP against $1: $2"
	if [ "${BTFGEN_REQUIRE_TOOLS:-0}" = 1 ]; then failed=1; fi
}

have() { command -v "$1" >/dev/null; }

ours() { # ours STYLE: prints the file
	local f=$out/btfgen.$1.btf
	if [ ! -e "$f.done" ]; then
		"$BTFGEN" encode -j "$JOBS" --features "$FEATURES" --lang-exclude rust \
			--array-style "$1" --compat pahole --base none -o "$f" "$vmlinux" >&2
		touch "$f.done"
	fi
	echo "$f"
}

# reference runs a pahole; with -V it tells which functions it leaves out, which
# serves to explain what another version has more.
reference() { # reference VERSION: prints the file
	local f=$out/pahole-$1.btf tool=$PAHOLE_132
	[ "$1" = 1.32 ] || tool=$PAHOLE_130
	if [ ! -e "$f.done" ]; then
		"$tool" -V -J -j"$JOBS" --btf_encode_detached="$f" --btf_features="$FEATURES" \
			--lang_exclude=rust "$vmlinux" 2>&1 |
			{ grep -a 'skipping BTF encoding of function due to' || true; } >"$out/pahole-$1.skipped"
		# pahole succeeds without an output when something is wrong (encode.md 7.1, 2).
		[ -s "$f" ] || { echo "compare-pahole.sh: $tool wrote no BTF for $vmlinux" >&2; return 1; }
		touch "$f.done"
	fi
	echo "$f"
}

shipped() { # prints the file; fails if there is no .BTF
	local f=$out/shipped.btf off size
	read -r off size < <(readelf -SW "$vmlinux" 2>/dev/null |
		sed -n 's/^ *\[ *[0-9]*\] \.BTF  *PROGBITS  *[0-9a-f]* \([0-9a-f]*\) \([0-9a-f]*\) .*/\1 \2/p') || return 1
	tail -c "+$((16#$off + 1))" "$vmlinux" | head -c "$((16#$size))" >"$f" || [ -s "$f" ]
	echo "$f"
}

# explained turns the differences between v1.32 and another reference into an
# allow-list, with the reason that v1.32 gives for leaving a function out.
explained() { # explained NAME FILE FLAGS...: prints the file
	local f=$out/explained.$1 name=$1 file=$2
	shift 2
	{ readelf -sW "$vmlinux" 2>/dev/null || true; } | awk '$4 == "FUNC" { print $8 }' >"$out/symbols"
	{ "$out/btfcompare" -list "$@" "$(reference 1.32)" "$file" || [ $? = 1 ]; } |
		awk -v name="$name" -v log_file="$out/pahole-1.32.skipped" -v sym_file="$out/symbols" '
			FILENAME == log_file {
				reason = $0
				sub(/.* due to /, "", reason)
				why[$1] = reason
				next
			}
			FILENAME == sym_file {
				base = $1
				sub(/\..*/, "", base)
				if ($1 ~ /\.(part|cold)/) part[base] = 1; else whole[base] = 1
				next
			}
			$1 == "only-b" && $2 == "FUNC" && $3 in why { print $0, "v1.32:", why[$3]; next }
			$1 == "only-b" && $2 == "FUNC" && part[$3] && !whole[$3] { print $0, "v1.32: only .part symbols"; next }
			{ print $0, "v1.32 and", name, "differ likewise" }
		' "$out/pahole-1.32.skipped" "$out/symbols" - >"$f"
	echo "$f"
}

# compare prints a report and adds a line to the table.
compare() { # compare NAME OURS THEIRS FLAGS...
	local name=$1 a=$2 b=$3 rc=0
	shift 3
	echo
	echo "== btfgen (A) against $name (B)"
	"$out/btfcompare" -n "${SHOW:-5}" -explain testdata/differences.md "$@" "$a" "$b" >"$out/report.$name" || rc=$?
	cat "$out/report.$name"
	[ $rc -le 1 ] || exit 1
	[ $rc = 0 ] || failed=1
	awk -v name="$name" '
		$1 ~ /^[A-Z0-9_]+$/ && NF == 13 {
			if ($1 ~ /^(FUNC|FUNC_PROTO|DECL_TAG|TYPE_TAG)$/) functions += $13; else types += $13
			differ += $4 + $5 + $6 + $7 + $8 + $9; derived += $11; explained += $12
		}
		END { printf "%-10s %9d %9d %10d %18d %22d\n", name, differ, derived, explained, types, functions }
	' "$out/report.$name" >>"$out/table"
}

go build -o "$out/btfcompare" ./scripts/btfcompare
if [ -z "${BTFGEN:-}" ]; then
	go build -o "$out/btfgen" ./cmd/btfgen
	BTFGEN=$out/btfgen
fi
: >"$out/table"

for target in $against; do
	if ! have "$PAHOLE_132"; then
		skip "$target" "no $PAHOLE_132 (PAHOLE_132 names it)"
		continue
	fi
	# One assignment per line, so that a failure ends the script.
	case $target in
	1.32)
		a=$(ours nested)
		b=$(reference 1.32)
		compare pahole-1.32 "$a" "$b"
		;;
	1.30)
		if ! have "$PAHOLE_130"; then
			skip 1.30 "no $PAHOLE_130 (PAHOLE_130 names it)"
			continue
		fi
		b=$(reference 1.30)
		reference 1.32 >/dev/null
		rules=$(explained pahole-1.30 "$b" -flat-arrays)
		a=$(ours flat)
		compare pahole-1.30 "$a" "$b" -explain "$rules"
		;;
	shipped)
		b=$(shipped) || { skip shipped "no .BTF in $vmlinux"; continue; }
		reference 1.32 >/dev/null
		# Which style the file has is not known, so dimensions do not count here.
		rules=$(explained shipped "$b" -flat-arrays)
		a=$(ours nested)
		compare shipped "$a" "$b" -flat-arrays -explain "$rules"
		;;
	esac
done

if [ -s "$out/table" ]; then
	echo
	echo "$vmlinux"
	printf '%-10s %9s %9s %10s %18s %22s\n' against differ derived explained "unexplained types" "unexplained functions"
	cat "$out/table"
fi
exit $failed
