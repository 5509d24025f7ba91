#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Times btfgen against pahole on one kernel, with 1 and with 2 workers: the same features, the
# same input, each into a file of its own. Speed only counts beside equal output: see
# scripts/compare-pahole.sh.
#
#   bench.sh vmlinux FILE
#
#   PAHOLE=PROGRAM   the opponent; else the fastest of pahole* on the PATH
#   RUNS_A, RUNS_B   runs of btfgen (9) and of pahole (5)
#   JOBS             worker counts ("1 2")
#   BTFGEN=PROGRAM   a ready binary; else built here
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
if [ $# -ne 2 ] || [ "$1" != vmlinux ]; then
	echo "usage: bench.sh vmlinux FILE" >&2
	exit 2
fi
file=$2
[ -r "$file" ] || {
	echo "bench.sh: cannot read $file" >&2
	exit 1
}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

features=encode_force,var,float,enum64,decl_tag,type_tag,optimized_func,consistent_func
jobs=${JOBS:-1 2}

(cd "$root" && CGO_ENABLED=0 go build -o "$work/bench" ./scripts/bench)
btfgen=${BTFGEN:-$work/btfgen}
if [ -z "${BTFGEN:-}" ]; then
	(cd "$root" && CGO_ENABLED=0 go build -trimpath -o "$btfgen" ./cmd/btfgen)
fi

# pahole PROGRAM JOBS: sets $command to the kernel's command line, with a file of its own to write.
pahole() {
	command=("$1" -J "-j$2" "--btf_encode_detached=$work/out.btf" "--btf_features=$features" --lang_exclude=rust "$file")
}

# fastest: of the opponents on the PATH, by one run each.
fastest() {
	local program start took best='' least=0
	local -a found
	mapfile -t found < <(compgen -c pahole | grep -xE 'pahole(-[0-9.]+)?' | sort -u)
	if [ ${#found[@]} -le 1 ]; then
		echo "${found[0]:-}"
		return
	fi
	for program in "${found[@]}"; do
		rm -f "$work/out.btf"
		start=${EPOCHREALTIME/./}
		pahole "$program" 2
		"${command[@]}" >/dev/null 2>&1 || continue
		took=$((${EPOCHREALTIME/./} - start))
		[ -s "$work/out.btf" ] || continue
		if [ -z "$best" ] || [ "$took" -lt "$least" ]; then best=$program least=$took; fi
	done
	echo "$best"
}

cat "$file" >/dev/null # into the page cache, or the first one tried looks slow
opponent=${PAHOLE:-$(fastest)}
if [ -z "$opponent" ]; then
	echo "bench.sh: no pahole on the PATH (scripts/fetch-kernel.sh peers fetches two)" >&2
	exit 1
fi
opponent=$(command -v "$opponent")

echo "- input: $(basename "$(dirname "$(realpath -s "$file")")")/$(basename "$file"), $(stat -Lc %s "$file") bytes"
echo "- btfgen: $("$btfgen" --version 2>/dev/null || git -C "$root" describe --always --dirty), $(go env GOVERSION), GOAMD64=$(go env GOAMD64)"
echo "- opponent: pahole $("$opponent" --version)"
packages=$(dirname "$(dirname "$(readlink -f "$opponent")")")/packages.txt
if [ -e "$packages" ]; then
	echo "- its packages: $(grep -E '^(pahole|libbpf1|libdw1)' "$packages" | paste -sd ' ')"
fi
echo "- machine: $(nproc) x $(sed -n 's/^model name[^:]*: //p' /proc/cpuinfo | head -n 1), Linux $(uname -r), load $(cut -d' ' -f1-3 /proc/loadavg)"
steal=$(awk '$1 == "cpu" { print $9 }' /proc/stat)
for j in $jobs; do
	printf '\n-j%s:\n\n' "$j"
	pahole "$opponent" "$j"
	"$work/bench" -names "btfgen -j$j,pahole -j$j" -runs "${RUNS_A:-9},${RUNS_B:-5}" -out "$work/out.btf" -- \
		"$btfgen" encode -j "$j" --features "$features" -o "$work/out.btf" "$file" -- "${command[@]}"
done
printf '\nSteal during the runs: %s ticks of 10 ms.\n' "$(($(awk '$1 == "cpu" { print $9 }' /proc/stat) - steal))"
