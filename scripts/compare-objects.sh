#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Encodes every object of testdata/objects with btfgen and with pahole v1.32, and
# compares the results by structure (scripts/btfcompare). Succeeds if nothing
# differs but what testdata/differences.md lists for that object.
#
#   compare-objects.sh [PATTERN]    objects that match a shell pattern; all by default
#
# The lines that count for an object stand in fences marked "objects PATTERN...". Where pahole
# gives no output at all, because it crashes or gives up, there is a line "no output".
#
# Environment:
#   PAHOLE_132                the binary (default: pahole-1.32 on PATH)
#   BTFGEN                    a btfgen to use instead of building one
#   FEATURES                  BTF features for both (default: default)
#   KEEP                      a directory for the outputs, kept
#   BTFGEN_REQUIRE_TOOLS=1    a missing pahole is a failure instead of a SKIP line
#
# Exit: 0 nothing unexplained, 1 otherwise or a tool failed.
set -euo pipefail

PAHOLE_132=${PAHOLE_132:-pahole-1.32}
FEATURES=${FEATURES:-default}
pattern=${1:-*}

repo=$(cd "$(dirname "$0")/.." && pwd)
cd "$repo"
if ! command -v "$PAHOLE_132" >/dev/null; then
	echo "SKIP compare-objects: no $PAHOLE_132 (PAHOLE_132 names it)"
	[ "${BTFGEN_REQUIRE_TOOLS:-0}" != 1 ]
	exit
fi
if [ -n "${KEEP:-}" ]; then
	mkdir -p "$KEEP"
	out=$(realpath "$KEEP")
else
	out=$(mktemp -d)
	trap 'rm -rf "$out"' EXIT
fi
go build -o "$out/btfcompare" ./scripts/btfcompare
if [ -z "${BTFGEN:-}" ]; then
	go build -o "$out/btfgen" ./cmd/btfgen
	BTFGEN=$out/btfgen
fi

# rules OBJECT: the lines of differences.md that count for it.
rules() {
	local name=$1 line on=0 pattern patterns
	while IFS= read -r line; do
		case $line in
		'```objects '*)
			read -ra patterns <<<"${line#* }"
			for pattern in "${patterns[@]}"; do
				# shellcheck disable=SC2053 # it is a pattern
				if [[ $name == $pattern ]]; then on=1; fi
			done
			;;
		'```'*) on=0 ;;
		*) [ $on = 0 ] || echo "$line" ;;
		esac
	done <testdata/differences.md
}

compared=0 same=0 explained=0 failed=0
fail() { # fail OBJECT TEXT
	echo "$1: $2"
	failed=$((failed + 1))
}

for object in testdata/objects/*.elf; do
	name=$(basename "$object" .elf)
	# shellcheck disable=SC2053
	[[ $name == $pattern ]] || continue
	a=$out/$name.btfgen b=$out/$name.pahole
	rm -f "$a" "$b"
	rules "$name" >"$out/rules"
	"$BTFGEN" encode --features "$FEATURES" --compat pahole --base none --verify -o "$a" "$object" 2>"$out/stderr" || true
	compared=$((compared + 1))
	# The shell of its own keeps the word of a crash out of the report.
	bash -c '"$@"; exit' - "$PAHOLE_132" -J -j1 --btf_encode_detached="$b" --btf_features="$FEATURES" --lang_exclude=rust \
		"$object" >"$out/pahole.log" 2>&1 || true
	case $([ -s "$a" ] && echo a)$([ -s "$b" ] && echo b) in
	'') # neither has types: that agrees too
		if grep -qE 'no types|no \.debug_info' "$out/stderr"; then
			same=$((same + 1))
		else
			fail "$name" "btfgen failed: $(cat "$out/stderr")"
		fi
		;;
	a)
		if grep -q '^ *no output' "$out/rules"; then
			explained=$((explained + 1))
		else
			fail "$name" "only btfgen has an output; pahole: $(tail -n 1 "$out/pahole.log")"
		fi
		;;
	b) fail "$name" "only pahole has an output; btfgen: $(cat "$out/stderr")" ;;
	ab)
		if [ "$FEATURES" = default ] && grep -q '^ *no output' "$out/rules"; then
			fail "$name" "differences.md says that pahole has no output, but it has"
		elif "$out/btfcompare" -n 20 "$a" "$b" >"$out/report"; then
			same=$((same + 1))
		elif "$out/btfcompare" -n 20 -explain "$out/rules" "$a" "$b" >"$out/report"; then
			explained=$((explained + 1))
		else
			fail "$name" "differs:"
			grep -v ' 0 *0 *0 *0 *0$' "$out/report" | sed 's/^/    /'
		fi
		;;
	esac
done

echo "$compared objects compared: $same the same, $explained with listed differences, $failed failed"
[ "$compared" -gt 0 ] && [ "$failed" = 0 ]
