#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Encodes modules with btfgen and with pahole v1.32, split on one and the same base, and
# compares the results by structure, module by module (scripts/btfcompare). Prints the sums,
# and succeeds if nothing is left unexplained.
#
#   compare-modules.sh NAME|DIR [--sample N|all]
#
# NAME as in fetch-kernel.sh, fetched before; DIR holds vmlinux and modules. N modules are compared (default
# 220): the 20 largest, and the others in even steps of size. Rules: testdata/differences.md.
#
# Environment:
#   PAHOLE_132                the binary (default: pahole-1.32 on PATH)
#   BTFGEN                    a btfgen to use instead of building one
#   FEATURES                  BTF features for both
#   JOBS                      modules at a time (default: online CPUs)
#   SHOW                      differences to print per kind and place (default 5)
#   KEEP                      a directory for the outputs, kept
#   BTFGEN_REQUIRE_TOOLS=1    a missing pahole is a failure instead of a SKIP line
#
# Exit: 0 nothing unexplained, 1 otherwise or a tool failed, 2 usage.
set -euo pipefail
shopt -s inherit_errexit

FEATURES=${FEATURES:-encode_force,var,float,enum64,decl_tag,type_tag,optimized_func,consistent_func,decl_tag_kfuncs}
JOBS=${JOBS:-$(getconf _NPROCESSORS_ONLN)}
PAHOLE_132=${PAHOLE_132:-pahole-1.32}

usage() {
	echo "usage: compare-modules.sh NAME|DIR [--sample N|all]" >&2
	exit 2
}

kernel='' sample=220
while [ $# -gt 0 ]; do
	case $1 in
	--sample) [ $# -ge 2 ] || usage; sample=$2; shift ;;
	--sample=*) sample=${1#*=} ;;
	-*) usage ;;
	*) [ -z "$kernel" ] || usage; kernel=$1 ;;
	esac
	shift
done
[ -n "$kernel" ] || usage
case $sample in all) ;; *[!0-9]* | '' | 0) usage ;; esac

cd "$(dirname "$0")/.."
if [ ! -d "$kernel" ]; then kernel=$(scripts/fetch-kernel.sh --cached "$kernel"); fi
if ! command -v "$PAHOLE_132" >/dev/null; then
	echo "SKIP: compare-modules.sh: no $PAHOLE_132 (PAHOLE_132 names it)"
	exit "${BTFGEN_REQUIRE_TOOLS:-0}"
fi
if [ -n "${KEEP:-}" ]; then
	mkdir -p "$KEEP"
	out=$(realpath "$KEEP")
else
	out=$(mktemp -d)
	trap 'rm -rf "$out"' EXIT
fi
rm -rf "$out/btfgen" "$out/pahole"
mkdir "$out/btfgen" "$out/pahole"

go build -o "$out/btfcompare" ./scripts/btfcompare
if [ -z "${BTFGEN:-}" ]; then
	go build -o "$out/btfgen.bin" ./cmd/btfgen
	BTFGEN=$out/btfgen.bin
fi
scripts/sample-modules.sh "$kernel" "$sample" >"$out/list"
echo "$kernel: $(wc -l <"$out/list") modules of $(find "$kernel" -name '*.ko' | wc -l)"

encode() { # encode OPTION... FILE...: with what both sides have in common
	"$BTFGEN" encode -j "$JOBS" --features "$FEATURES" --lang-exclude rust --compat pahole "$@"
}
encode --base none -o "$out/base.btf" "$kernel/vmlinux"
mapfile -t modules <"$out/list"
encode --base "$out/base.btf" --out-dir "$out/btfgen" "${modules[@]}"

# pahole succeeds without an output when something is wrong (encode.md 7.1, 2); btfcompare tells of it.
export PAHOLE_132 FEATURES out
# shellcheck disable=SC2016
xargs -d '\n' -P "$JOBS" -I{} sh -c '"$PAHOLE_132" -J --btf_base="$out/base.btf" --btf_features="$FEATURES" \
	--lang_exclude=rust --btf_encode_detached="$out/pahole/$(basename "$1").btf" "$1"' - {} <"$out/list"

echo "== btfgen (A) against pahole-1.32 (B)"
"$out/btfcompare" -n "${SHOW:-5}" -explain testdata/differences.md -base "$out/base.btf" "$out/btfgen" "$out/pahole"
