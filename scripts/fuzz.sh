#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Runs every fuzz target of the module, each for some seconds. A crash leaves its input in the
# package's testdata/fuzz/, where it stays as a test.
#
#   fuzz.sh [SECONDS [PATTERN]]    10 seconds; targets that match an extended regular expression
set -euo pipefail
cd "$(dirname "$0")/.."

seconds=${1:-10}
pattern=${2:-.}
ran=0
failed=()
while IFS=: read -r file line; do
	target=${line#func }
	target=${target%%(*}
	[[ $target =~ $pattern ]] || continue
	ran=$((ran + 1))
	echo "fuzz $(dirname "$file") $target"
	status=0
	log=$(go test -run '^$' -fuzz "^$target\$" -fuzztime "${seconds}s" -fuzzminimizetime 5x "./$(dirname "$file")" 2>&1) || status=$?
	echo "$log"
	# On a busy machine, Go's fuzzer may call it a failure that its time is over.
	if [ $status != 0 ] && { grep -q 'Failing input' <<<"$log" || ! grep -qx ' *context deadline exceeded' <<<"$log"; }; then
		failed+=("$target")
	fi
done < <(find . -name '*_test.go' -not -path './.git/*' -printf '%P\0' | sort -z | xargs -0 grep -HE '^func Fuzz[A-Z0-9_][A-Za-z0-9_]*\(')

echo "$ran targets, ${#failed[@]} failed ${failed[*]}"
[ "$ran" -gt 0 ] && [ ${#failed[@]} -eq 0 ]
