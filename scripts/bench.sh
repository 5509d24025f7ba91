#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Times btfgen against pahole: the same features, the same input, each into a file of its own. Speed
# only counts beside equal output: see scripts/compare-pahole.sh and compare-modules.sh.
#
#   bench.sh vmlinux FILE    a kernel, with 1 and with 2 workers
#   bench.sh modules DIR     the modules below a folder, split on the vmlinux in it as each encodes it:
#                            SAMPLE of them (200), one process for each; then all of them by one btfgen
#                            against the sample by pahole, two processes at a time
#
#   bench.sh chain DIR       what a kernel build does with a module after the link, in 50 of them of all sizes (SAMPLE):
#                            btfgen module against pahole, resolve_btfids, objcopy; one process,
#                            or chain of processes, for each, then all by one btfgen against two chains at a time.
#                            The base is the same for both: what the opponent makes of vmlinux
#
#   PAHOLE=PROGRAM   the opponent; else the fastest of pahole* on the PATH
#   RESOLVE_BTFIDS=PROGRAM   its partner in the chain (resolve_btfids-7.3)
#   RUNS_A, RUNS_B   runs of btfgen (9) and of pahole (5)
#   JOBS             worker counts ("1 2")
#   BTFGEN=PROGRAM   a ready binary; else built here
set -euo pipefail

root=$(cd "$(dirname "$0")/.." && pwd)
if [ $# -ne 2 ] || [[ $1 != @(vmlinux|modules|chain) ]]; then
	echo "usage: bench.sh vmlinux FILE | modules DIR | chain DIR" >&2
	exit 2
fi
mode=$1 file=$2
if [ "$mode" != vmlinux ]; then file=$2/vmlinux; fi
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
	(cd "$root" && CGO_ENABLED=0 go build -trimpath -tags urfave_cli_no_docs -o "$btfgen" ./cmd/btfgen) # as package.sh does
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

bench_vmlinux() {
	local j
	for j in $jobs; do
		printf '\n-j%s:\n\n' "$j"
		pahole "$opponent" "$j"
		"$work/bench" -names "btfgen -j$j,pahole -j$j" -runs "${RUNS_A:-9},${RUNS_B:-5}" -out "$work/out.btf" -- \
			"$btfgen" encode -j "$j" --features "$features" -o "$work/out.btf" "$file" -- "${command[@]}"
	done
}

# script NAME: makes standard input an executable shell script.
script() {
	{ echo '#!/bin/sh' && cat; } >"$work/$1"
	chmod 755 "$work/$1"
}

bench_modules() {
	local all n
	find "$(realpath "$1")" -name '*.ko' | sort >"$work/all"
	all=$(wc -l <"$work/all")
	awk -v all="$all" -v n="${SAMPLE:-200}" 'int(NR * n / all) > int((NR - 1) * n / all)' "$work/all" >"$work/sample"
	n=$(wc -l <"$work/sample")
	[ "$n" -gt 0 ] || { echo "bench.sh: no .ko below $1" >&2; exit 1; }
	xargs cat <"$work/all" >/dev/null
	"$btfgen" encode --features "$features" -o "$work/ours.base" "$file"
	pahole "$opponent" 2
	"${command[@]}"
	mv "$work/out.btf" "$work/theirs.base"
	mkdir "$work/out"
	script ours <<-E
		set -e
		while read -r f; do $btfgen encode -j 1 --base $work/ours.base --features $features -o $work/out.btf "\$f"; done <$work/sample
	E
	script theirs-one <<-E
		exec $opponent -J -j1 --btf_encode_detached="\$1" --btf_features=$features --lang_exclude=rust --btf_base $work/theirs.base "\$2"
	E
	script theirs <<-E
		set -e
		while read -r f; do $work/theirs-one $work/out.btf "\$f"; done <$work/sample
	E
	script theirs-2 <<-E
		xargs -P 2 -I '{}' sh -c '$work/theirs-one $work/out/\$\$.btf "\$1"' - '{}' <$work/sample
		echo done >$work/out.btf
	E
	script batch <<-E
		$btfgen encode -j 2 --base $work/ours.base --features $features --out-dir $work/out @$work/all && echo done >$work/out.btf
	E
	printf '\nOne process per module, %s of %s modules:\n\n' "$n" "$all"
	"$work/bench" -names btfgen,pahole -runs "${RUNS_A:-3},${RUNS_B:-2}" -out "$work/out.btf" -- "$work/ours" -- "$work/theirs"
	printf '\nAll %s modules by one btfgen -j2; pahole for %s of them, two processes at a time (times %s for all):\n\n' \
		"$all" "$n" "$(awk "BEGIN { printf \"%.1f\", $all / $n }")"
	"$work/bench" -names "btfgen,pahole" -runs "${RUNS_A:-3},${RUNS_B:-2}" -out "$work/out.btf" -- "$work/batch" -- "$work/theirs-2"
}

bench_chain() {
	local resolver n
	resolver=$(command -v "${RESOLVE_BTFIDS:-resolve_btfids-7.3}") || { echo "bench.sh: no resolve_btfids-7.3 on the PATH" >&2; exit 1; }
	mkdir "$work/in" "$work/ko"
	# From the middle of each of as many parts of the modules by size. As linked: without BTF. Packages have them with IDs
	# resolved, and with BTF gone nobody could do that again, so one of 150, which has such, is left out: no patch is timed.
	find "$(realpath "$1")" -name '*.ko' -printf '%s %p\n' | sort -n | cut -d' ' -f2- >"$work/all"
	awk -v n="${SAMPLE:-50}" '{ name[NR] = $0 } END { for (i = 0; i < n; i++) print name[int(NR * (i + 0.5) / n) + 1] }' "$work/all" |
		uniq | while read -r f; do
		if ! readelf -SW "$f" | grep '\.BTF_ids' >/dev/null; then objcopy --remove-section .BTF --remove-section .BTF.base "$f" "$work/in/${f##*/}"; fi
	done
	find "$work/in" -name '*.ko' -printf "$work/ko/%f\n" | sort >"$work/list"
	n=$(wc -l <"$work/list")
	[ "$n" -gt 0 ] || { echo "bench.sh: no .ko below $1" >&2; exit 1; }
	pahole "$opponent" 2
	"${command[@]}"
	mv "$work/out.btf" "$work/base"
	script before <<-E
		rm -rf $work/ko && cp -r $work/in $work/ko
	E
	script ours <<-E
		set -e
		while read -r f; do $btfgen module -j 1 --base $work/base "\$f"; done <$work/list
		echo done >$work/out.btf
	E
	script theirs-one <<-E
		set -e
		$opponent -J -j1 --btf_encode_detached="\$1.BTF.1" --btf_features=$features --lang_exclude=rust --btf_base $work/base "\$1"
		$resolver --btf_base $work/base --btf "\$1.BTF.1" "\$1"
		objcopy --add-section .BTF="\$1.BTF" "\$1"
		rm -f "\$1".BTF*
	E
	script theirs <<-E
		set -e
		while read -r f; do $work/theirs-one "\$f"; done <$work/list
		echo done >$work/out.btf
	E
	script theirs-2 <<-E
		xargs -P 2 -n 1 $work/theirs-one <$work/list
		echo done >$work/out.btf
	E
	script batch <<-E
		$btfgen module -j 2 --base $work/base @$work/list && echo done >$work/out.btf
	E
	echo "- its partner: $(basename "$resolver")"
	printf '\nA process of btfgen for each of %s modules (%s bytes); a chain of processes for each:\n\n' "$n" "$(cat "$work"/in/*.ko | wc -c)"
	"$work/bench" -names "btfgen,chain" -runs "${RUNS_A:-3},${RUNS_B:-3}" -out "$work/out.btf" -before "$work/before" -- "$work/ours" -- "$work/theirs"
	printf '\nAll by one btfgen -j2; two chains at a time:\n\n'
	"$work/bench" -names "btfgen,chain" -runs "${RUNS_A:-3},${RUNS_B:-3}" -out "$work/out.btf" -before "$work/before" -- "$work/batch" -- "$work/theirs-2"
}

"bench_$mode" "$2"
printf '\nSteal during the runs: %s ticks of 10 ms.\n' "$(($(awk '$1 == "cpu" { print $9 }' /proc/stat) - steal))"
