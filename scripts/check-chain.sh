#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Whether btfgen resolves the IDs of modules as the kernel's resolve_btfids does: builds testdata/modules/*
# with Debian's headers of a series, without the BTF step, and gives both the same BTF.
#
#   check-chain.sh [--cached] [6.12|7.2|7.3|arm64|s390x]...      6.12 7.2 7.3 if none is named
#
# arm64 and s390x are for modules of these machines, from 7.2 and 6.12, by Debian's cross compilers. The last is big-endian.
#
# For each module, split and distilled, on the BTF of btfgen and on that of pahole:
#
#   resolver   resolve_btfids of the series (of 7.3 for 7.2), btfgen resolve_btfids, and from 7.x on btfgen
#              resolve: .BTF_ids, .BTF and .BTF.base byte for byte, but for the length of BTF's header (7.x: 32
#              and 24 bytes); the same warnings, to which btfgen adds reasons
#   chain      btfgen module, and from 7.x on the steps of the kernel build with btfgen's encoding: the same bytes
#   pahole     btfgen module --compat pahole, and the steps of the kernel build: the same functions, variables and
#              tags, .BTF_ids with the same meaning
#
# The last prints what differs with its reason; anything else that differs is a failure.
#
# What it needs of Debian's archive is fetched first (fetch-kernel.sh vm-*, cross-*, peers); with --cached nothing
# is fetched. Also needs objcopy, that of the machine (packages binutils-aarch64-linux-gnu and binutils-s390x-linux-gnu),
# readelf, and root or user namespaces. What is missing is skipped with a line, or with BTFGEN_REQUIRE_TOOLS=1 a failure.
#
# Environment: BTFGEN the binary to test (built if not set), KEEP a folder for modules and results, which are
# otherwise removed.
#
# Exit: 0 all passed, 1 a check failed or is missing, 2 usage.
set -euo pipefail
shopt -s inherit_errexit

usage() {
	echo "usage: check-chain.sh [--cached] [6.12|7.2|7.3|arm64|s390x]..." >&2
	exit 2
}

cached=() series=()
while [ $# -gt 0 ]; do
	case $1 in
	--cached) cached=(--cached) ;;
	6.12 | 7.2 | 7.3 | arm64 | s390x) series+=("$1") ;;
	*) usage ;;
	esac
	shift
done
[ ${#series[@]} -gt 0 ] || series=(6.12 7.2 7.3)

cd "$(dirname "$0")/.."
failed=0
declare -A how=([split]=--no-distill [distilled]=--distill) # options of btfgen module

fail() {
	echo "FAILED: $*"
	failed=1
}

skip() { # skip WHAT REASON
	echo "SKIP: $1: $2"
	if [ "${BTFGEN_REQUIRE_TOOLS:-0}" = 1 ]; then failed=1; fi
}

# build_modules OUT: builds all modules in the unpacked system of $tree, without BTF.
build_modules() {
	local out=$1 map=()
	mkdir -p "$out"
	cp testdata/modules/*/*.c "$out/"
	cat testdata/modules/*/Makefile >"$out/Makefile"
	if [ "$(id -u)" != 0 ]; then map=(--map-root-user); fi
	# The mounts are seen by that command only.
	# shellcheck disable=SC2016 # for the inner shell to expand
	unshare --mount "${map[@]}" -- sh -euc '
		root=$1 build=$2
		shift 2
		mount --bind "$build" "$root/build"
		mount --rbind /dev "$root/dev"
		mount --rbind /proc "$root/proc"
		exec chroot "$root" /usr/bin/env -i PATH=/usr/sbin:/usr/bin "$@"' sh "$tree/root" "$out" \
		make -C "/$headers" M=/build DEB_BUILD_ARCH=amd64 DEB_HOST_ARCH="$arch" DEB_HOST_GNU_TYPE="${prefix%-}" cmd_btf_ko=: modules >"$out/make.log" 2>&1 || {
		cat "$out/make.log"
		return 1
	}
}

# dump SECTION FILE OUT: the contents of a section; OUT is empty if there is none.
dump() {
	: >"$3"
	"${prefix}objcopy" --dump-section "$1=$3" "$2" "$dir/copy" 2>/dev/null || true
}

# body FILE: BTF behind its header, whose length is its second word.
body() {
	[ ! -s "$1" ] || tail -c "+$(($(od -An -tu4 -j4 -N4 --endian="$endian" "$1") + 1))" "$1"
}

# same_results WHAT THEIRS OURS: compares NAME.BTF_ids, NAME.BTF and NAME.BTF.base of two names.
same_results() {
	local suffix
	cmp "$2.BTF_ids" "$3.BTF_ids" || fail "$1: .BTF_ids"
	for suffix in .BTF .BTF.base; do
		touch "$2$suffix" "$3$suffix" # neither has a .BTF.base
		cmp <(body "$2$suffix") <(body "$3$suffix") || fail "$1: $suffix"
	done
}

# same_warnings WHAT THEIRS OURS: each line of ours begins with theirs.
same_warnings() {
	if ! awk 'NR == FNR { theirs[++n] = $0; next } index($0, theirs[++m]) != 1 { bad = 1 } END { exit bad || m != n }' "$2" "$3"; then
		fail "$1: warnings"
		diff "$2" "$3" || true
	fi
}

# split_results FILE NAME: the sections of a module as NAME.BTF_ids and so on.
split_results() {
	local suffix
	for suffix in .BTF_ids .BTF .BTF.base; do dump "$suffix" "$1" "$2$suffix"; done
}

# encode_btfgen MODULE OUT, encode_pahole MODULE OUT: raw BTF for a resolver, split against $base.
encode_btfgen() {
	"$btfgen" encode -j 1 --base "$base" --features "$features" -o "$2" "$1"
}

encode_pahole() {
	"$pahole" -J -j1 "--btf_features=$features" --lang_exclude=rust --btf_base "$base" "--btf_encode_detached=$2" "$1"
}

# resolve_beside KIND ENCODER MODULE: as kernels from 7.0 on do it.
resolve_beside() {
	local who=$2 what="$1, BTF by $2: resolver" option=() hyphens=()
	if [ "$1" = distilled ]; then option=(--distill_base) hyphens=(--distill); fi
	"encode_$who" "$3" "$dir/$who.1"
	cp "$3" "$dir/theirs" && cp "$3" "$dir/ours" && cp "$3" "$dir/native"
	rm -f "$dir"/{theirs,ours,native}.*
	resolve_btfids-7.3 "${option[@]}" --btf_base "$base" --btf "$dir/$who.1" "$dir/theirs" 2>"$dir/theirs.log" || fail "$what of 7.3"
	"$btfgen" resolve_btfids "${option[@]}" --btf_base "$base" --btf "$dir/$who.1" "$dir/ours" 2>"$dir/ours.log" || fail "$what"
	same_results "$what" "$dir/theirs" "$dir/ours"
	same_warnings "$what" "$dir/theirs.log" "$dir/ours.log"
	"$btfgen" resolve "${hyphens[@]}" --base "$base" --btf "$dir/$who.1" "$dir/native" 2>"$dir/native.log" || fail "$what: btfgen resolve"
	same_results "$what: btfgen resolve" "$dir/theirs" "$dir/native"
	same_warnings "$what: btfgen resolve" "$dir/theirs.log" "$dir/native.log"
	"$btfgen" resolve_btfids --patch_btfids "$dir/ours.BTF_ids" "$dir/ours" || fail "$what: patch"
	resolve_btfids-7.3 --patch_btfids "$dir/theirs.BTF_ids" "$dir/theirs" || fail "$what: patch of 7.3"
	cmp "$dir/ours" "$dir/theirs" || fail "$what: patched file"
}

# embed FILE: its .BTF and .BTF.base, which are beside it, go into it, as gen-btf.sh does it.
embed() {
	local add=(--add-section ".BTF=$1.BTF")
	if [ -s "$1.BTF.base" ]; then add+=(--add-section ".BTF.base=$1.BTF.base"); fi
	"${prefix}objcopy" "${add[@]}" "$1"
}

# resolve_inside KIND ENCODER MODULE: as kernels before 7.0 do it, with BTF in the file.
resolve_inside() {
	local who=$2 what="$1, BTF by $2: resolver"
	cp "$3" "$dir/theirs"
	rm -f "$dir"/{theirs,ours}.*
	case $1.$who in
	*.pahole) pahole_inside "$1" "$dir/theirs" ;;
	split.*) encode_btfgen "$3" "$dir/theirs.BTF" ;;
	distilled.*)
		encode_btfgen "$3" "$dir/theirs.1"
		"$btfgen" distill --base "$base" -o "$dir/theirs.BTF" "$dir/theirs.1"
		;;
	esac
	if [ "$who" = btfgen ]; then embed "$dir/theirs"; fi
	cp "$dir/theirs" "$dir/ours"
	resolve_btfids-6.12 -b "$base" "$dir/theirs" 2>"$dir/theirs.log" || fail "$what of 6.12"
	"$btfgen" resolve_btfids -b "$base" "$dir/ours" 2>"$dir/ours.log" || fail "$what"
	split_results "$dir/theirs" "$dir/theirs"
	split_results "$dir/ours" "$dir/ours"
	same_results "$what" "$dir/theirs" "$dir/ours"
	same_warnings "$what" "$dir/theirs.log" "$dir/ours.log"
}

pahole_inside() { # pahole_inside KIND FILE
	local more=()
	if [ "$1" = distilled ]; then more=(--btf_features=distilled_base); fi
	LLVM_OBJCOPY=${prefix}objcopy "$pahole" -J -j1 "--btf_features=$features" "${more[@]}" --lang_exclude=rust --btf_base "$base" "$2"
}

# chain_of_build KIND ENCODER MODULE OUT: what the kernel build makes of a module.
chain_of_build() {
	local option=()
	cp "$3" "$4"
	rm -f "$4".*
	if [ "$generation" = 6.12 ]; then
		pahole_inside "$1" "$4"
		resolve_btfids-6.12 -b "$base" "$4" 2>/dev/null
		return
	fi
	if [ "$1" = distilled ]; then option=(--distill_base); fi
	"encode_$2" "$3" "$4.1"
	resolve_btfids-7.3 "${option[@]}" --btf_base "$base" --btf "$4.1" "$4" 2>/dev/null
	embed "$4"
	resolve_btfids-7.3 --patch_btfids "$4.BTF_ids" "$4"
}

# module KIND MODULE OUT OPTION...: what btfgen makes of it.
module() {
	local kind=$1 out=$3
	cp "$2" "$out"
	shift 3
	"$btfgen" module "${how[$kind]}" --base "$base" "$@" "$out" 2>"$dir/module.log" || fail "$kind: btfgen module: $(cat "$dir/module.log")"
	if readelf -aW "$out" 2>&1 >/dev/null | grep . >/dev/null; then fail "$kind: readelf: $(readelf -aW "$out" 2>&1 >/dev/null | head -n 3)"; fi
}

# same_chain KIND MODULE: btfgen module against the build's steps, from btfgen's encoding on.
same_chain() {
	module "$1" "$2" "$dir/ours.ko"
	split_results "$dir/ours.ko" "$dir/ours"
	cp "$dir/ours.ko" "$dir/again.ko"
	"$btfgen" module "${how[$1]}" --base "$base" "$dir/again.ko" 2>/dev/null
	cmp "$dir/ours.ko" "$dir/again.ko" || fail "$1: a second run changes the module"
	if [ "$generation" = 6.12 ]; then return; fi
	chain_of_build "$1" btfgen "$2" "$dir/theirs.ko"
	split_results "$dir/theirs.ko" "$dir/theirs"
	same_results "$1: chain" "$dir/theirs" "$dir/ours"
}

# like_pahole KIND MODULE: btfgen module against the build's steps. Tells what is not the same, and why.
like_pahole() {
	local on=(-base "$base") name
	module "$1" "$2" "$dir/ours.ko" --compat pahole
	chain_of_build "$1" pahole "$2" "$dir/theirs.ko"
	if [ "$1" = distilled ]; then
		on=(-own-bases)
		for name in ours theirs; do dump .BTF.base "$dir/$name.ko" "$dir/$name.ko.base"; done
	fi
	"$out/btfcompare" -ids -list -level nominal -explain testdata/differences.md "${on[@]}" "$dir/ours.ko" "$dir/theirs.ko" >"$dir/compared" || [ $? = 1 ]
	# Lines are PLACE KIND NAME, or of an ID. pahole does not find all types of a 7.x base again, and gives the module
	# copies of them. Then functions lead to those, and so do IDs of types that the module's code itself does not use.
	awk -v kind="$1" '
		function known(text) { copy[text] = 1; copies++ }
		NR == FNR { base[$1 " " $2] = 1; next }
		$1 == "only-b" && $2 " " $3 in base { known($2 " " $3); next }
		$1 == "only-b" && $2 == "CONST" { next } # of a copy
		$1 == "differs" && $2 == "STRUCT" && kind == "distilled" && $2 " " $3 in base { known($2 " " $3); next }
		{ rest[++n] = $0 }
		END {
			if (copies) printf "  %s: pahole has %d types of its own that are copies of the kernel'\''s\n", kind, copies
			for (i = 1; i <= n; i++) {
				words = split(rest[i], w, " ")
				type = w[words - 1] " " w[words]
				if (w[1] == "differs" && kind == "split" && copies) leads++
				else if (w[1] == ".BTF_ids:" && rest[i] ~ /A has nothing, B has/ && type in copy) print "  " kind ": " rest[i] ", a copy"
				else { print rest[i]; bad = 1 }
			}
			if (leads) printf "  %s: %d functions and structs lead to those\n", kind, leads
			exit bad
		}' "$dir/names" "$dir/compared" || fail "$1: pahole: what is above and no copy"
}

# check_series SERIES
check_series() {
	local tree headers base dir generation=7.3 features pahole=pahole-1.32 module name kind who
	local set=vm-$1 arch=amd64 prefix='' endian=little # of the modules
	case $1 in
	arm64) set=cross-$1 arch=$1 prefix=aarch64-linux-gnu- ;;
	s390x) set=cross-$1 arch=$1 prefix=s390x-linux-gnu- endian=big ;;
	esac
	if ! command -v "${prefix}objcopy" >/dev/null; then
		skip "$1" "no ${prefix}objcopy"
		return
	fi
	if ! tree=$(scripts/fetch-kernel.sh "${cached[@]}" "$set"); then
		if [ ${#cached[@]} -eq 0 ]; then fail "$1: not fetched"; else skip "$1" "scripts/fetch-kernel.sh $set has not fetched it"; fi
		return
	fi
	headers=$(cat "$tree/headers")
	base=$tree/root/$headers/vmlinux
	dir=$out/$1
	features=encode_force,var,float,enum64,decl_tag,type_tag,optimized_func,consistent_func
	if [[ $headers == *-headers-6.12.* ]]; then
		generation=6.12 pahole=pahole-1.30 # as that kernel's arrays
		features+=,decl_tag_kfuncs
	fi
	rm -rf "$dir"
	echo "== ${headers##*headers-}, resolve_btfids-$generation, $pahole"
	if ! build_modules "$dir/build"; then
		fail "$1: the modules were not built"
		return
	fi
	bpftool btf dump file "$base" | awk -F "'" '/^\[/ { sub(/^\[[0-9]+\] /, "", $1); gsub(/ /, "_", $2); print $1 $2 }' | sort -u >"$dir/names"
	for module in "$dir"/build/*.ko; do
		name=${module##*/}
		echo "$name"
		for kind in split distilled; do
			for who in btfgen pahole; do
				if [ "$generation" = 6.12 ]; then resolve_inside "$kind" "$who" "$module"; else resolve_beside "$kind" "$who" "$module"; fi
			done
			same_chain "$kind" "$module"
			like_pahole "$kind" "$module"
		done
	done
}

for tool in objcopy readelf unshare chroot; do
	if ! command -v "$tool" >/dev/null; then
		skip check-chain "no $tool"
		exit "$failed"
	fi
done
if peers=$(scripts/fetch-kernel.sh "${cached[@]}" peers); then PATH=$peers:$PATH; fi
for tool in bpftool pahole-1.30 pahole-1.32 resolve_btfids-6.12 resolve_btfids-7.3; do
	if ! command -v "$tool" >/dev/null; then
		skip check-chain "no $tool (scripts/fetch-kernel.sh peers has not fetched it)"
		exit "$failed"
	fi
done
if [ -n "${KEEP:-}" ]; then
	mkdir -p "$KEEP"
	out=$(realpath "$KEEP")
else
	out=$(mktemp -d)
	trap 'rm -rf "$out"' EXIT
fi
go build -o "$out/btfcompare" ./scripts/btfcompare
btfgen=${BTFGEN:-}
if [ -z "$btfgen" ]; then
	go build -o "$out/btfgen" ./cmd/btfgen
	btfgen=$out/btfgen
fi
for s in "${series[@]}"; do check_series "$s"; done
if [ "$failed" = 0 ]; then echo "all passed"; fi
exit "$failed"
