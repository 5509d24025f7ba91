#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# What must hold for the modules of a real kernel, encoded against their own vmlinux: the same
# bytes for any number of workers, one by one or all at once; accepted by independent readers;
# no copy of a type that vmlinux has; a distilled base that leads back to the same types.
#
#   check-modules.sh NAME|DIR [--sample N|all] [--target NAME|DIR]
#
# NAME as in fetch-kernel.sh, fetched before; DIR holds vmlinux and modules. By default all modules are
# taken, and of them 200 where another tool takes long: pahole v1.30 for the table of sizes and resolve_btfids.
# With --target, modules are also relocated onto that kernel, and the verdict compared with libbpf's.
#
# Needs pahole-1.30, bpftool and resolve_btfids-7.3 on the PATH (fetch-kernel.sh peers). What is missing is
# skipped with a line, or with BTFGEN_REQUIRE_TOOLS=1 a failure.
#
# Environment: BTFGEN, JOBS, SHOW, KEEP as for compare-modules.sh; PEER_SAMPLE (200, or all) modules for the slow tools.
#
# Exit: 0 all holds, 1 something does not, 2 usage.
set -euo pipefail
shopt -s inherit_errexit

JOBS=${JOBS:-$(getconf _NPROCESSORS_ONLN)}

usage() {
	echo "usage: check-modules.sh NAME|DIR [--sample N|all] [--target NAME|DIR]" >&2
	exit 2
}

kernel='' target='' sample=all
while [ $# -gt 0 ]; do
	case $1 in
	--sample | --target) [ $# -ge 2 ] || usage; declare "${1#--}=$2"; shift ;;
	--sample=* | --target=*) opt=${1#--}; declare "${opt%%=*}=${opt#*=}" ;;
	-*) usage ;;
	*) [ -z "$kernel" ] || usage; kernel=$1 ;;
	esac
	shift
done
[ -n "$kernel" ] || usage
case $sample in all) ;; *[!0-9]* | '' | 0) usage ;; esac

cd "$(dirname "$0")/.."
if [ ! -d "$kernel" ]; then kernel=$(scripts/fetch-kernel.sh --cached "$kernel"); fi
if [ -n "$target" ] && [ ! -d "$target" ]; then target=$(scripts/fetch-kernel.sh --cached "$target"); fi
if [ -n "${KEEP:-}" ]; then
	mkdir -p "$KEEP"
	out=$(realpath "$KEEP")
	rm -rf "$out"/{j1,j2,j7,single,verified,pahole,distilled,relocated,elf,onto}
else
	out=$(mktemp -d)
	trap 'rm -rf "$out"' EXIT
fi
failed=0

fail() {
	echo "FAILED: $*"
	failed=1
}

skip() { # skip WHAT REASON
	echo "SKIP: $1: $2"
	if [ "${BTFGEN_REQUIRE_TOOLS:-0}" = 1 ]; then failed=1; fi
}

# has_btf FILE. grep reads to the end, or readelf would get a signal and the pipe fail.
has_btf() { readelf -SW "$1" 2>/dev/null | grep ' \.BTF  *PROGBITS' >/dev/null; }
export -f has_btf

# each COMMAND: runs it for every line of the input, which it gets as $1, several at a time.
each() { xargs -d '\n' -P "$JOBS" -I{} bash -c "$1" - {}; }

go build -o "$out/btfcompare" ./scripts/btfcompare
if [ -z "${BTFGEN:-}" ]; then
	go build -o "$out/btfgen" ./cmd/btfgen
	BTFGEN=$out/btfgen
fi
scripts/sample-modules.sh "$kernel" "$sample" >"$out/list"
mapfile -t modules <"$out/list"
n=${#modules[@]}
base=$out/base.btf
export BTFGEN out base kernel target
echo "$kernel: $n modules"

# 1. Encoding.
"$BTFGEN" encode -j "$JOBS" --base none -o "$base" "$kernel/vmlinux"
mkdir "$out"/{j1,j2,j7,single}
for j in 2 1 7; do
	start=$(date +%s.%N)
	"$BTFGEN" encode -j $j --base "$base" --out-dir "$out/j$j" "${modules[@]}" 2>"$out/messages" || {
		cat "$out/messages"
		fail "encode -j $j"
	}
	echo "encode -j $j: $(awk -v a="$start" -v b="$(date +%s.%N)" 'BEGIN { printf "%.1f s", b - a }')"
done
[ "$(find "$out/j2" -name '*.btf' | wc -l)" = "$n" ] || fail "not every module has an output"
diff -rq "$out/j2" "$out/j1" || fail "-j 1 and -j 2 give other bytes"
diff -rq "$out/j2" "$out/j7" || fail "-j 7 and -j 2 give other bytes"
scripts/sample-modules.sh "$kernel" 200 | grep -Fxf "$out/list" >"$out/some" || true
# shellcheck disable=SC2016
each '"$BTFGEN" encode -j 2 --base "$base" -o "$out/single/$(basename "$1").btf" "$1" &&
	cmp "$out/single/$(basename "$1").btf" "$out/j2/$(basename "$1").btf"' <"$out/some" ||
	fail "a module alone gives other bytes than among others"
echo "same bytes with 1, 2 and 7 workers; $(wc -l <"$out/some") alone"

# Of a base and a module with more than 160,000 types together cilium/ebpf can make nothing.
mkdir "$out/verified"
"$BTFGEN" encode -j "$JOBS" --verify --base "$base" --out-dir "$out/verified" "${modules[@]}" 2>"$out/messages" || true
unchecked=$(grep 'not checked by an independent reader' "$out/messages") || true
if [ -n "$unchecked" ]; then echo "$unchecked"; fi
verified=$(find "$out/verified" -name '*.btf' | wc -l)
[ $((verified + $(grep -c . <<<"$unchecked" || true))) = "$n" ] || fail "encode --verify: $(grep 'does not verify' "$out/messages")"
diff -r "$out/verified" "$out/j2" | grep -v "^Only in $out/j2" && fail "--verify gives other bytes"
echo "cilium/ebpf reads $verified of $n"

if command -v bpftool >/dev/null; then
	# shellcheck disable=SC2016
	each 'bpftool -B "$base" btf dump file "$out/j2/$(basename "$1").btf" >/dev/null' <"$out/list" || fail "bpftool refuses a module"
	echo "bpftool dumps them"
else
	skip bpftool "not on the PATH"
fi

# 2. Sizes, and types that vmlinux has.
echo
echo "== btfgen"
"$out/btfcompare" -n "${SHOW:-15}" -base "$base" -own "$out/j2" || fail "there are copies of types of vmlinux, or invalid modules"
echo
echo "== as shipped"
# shellcheck disable=SC2016
each 'if has_btf "$1"; then echo "$1"; fi' <"$out/list" >"$out/with-btf"
if [ -s "$out/with-btf" ] && has_btf "$kernel/vmlinux"; then
	mapfile -t shipped <"$out/with-btf"
	"$out/btfcompare" -n 5 -base "$kernel/vmlinux" -own "${shipped[@]}" || [ $? = 1 ]
else
	skip "as shipped" "no .BTF in vmlinux or the modules"
fi
peers=${PEER_SAMPLE:-200}
if command -v pahole-1.30 >/dev/null; then
	echo
	echo "== pahole-1.30, on a base of its own"
	mkdir "$out/pahole"
	export features=encode_force,var,float,enum64,decl_tag,type_tag,optimized_func,consistent_func,decl_tag_kfuncs
	pahole-1.30 -J -j"$JOBS" --btf_features=$features --lang_exclude=rust --btf_encode_detached="$out/pahole.base" "$kernel/vmlinux"
	scripts/sample-modules.sh "$kernel" "$peers" | grep -Fxf "$out/list" >"$out/list.pahole" || true
	# shellcheck disable=SC2016
	each 'pahole-1.30 -J --btf_base="$out/pahole.base" --btf_features=$features --lang_exclude=rust \
		--btf_encode_detached="$out/pahole/$(basename "$1").btf" "$1"' <"$out/list.pahole"
	"$out/btfcompare" -n 5 -base "$out/pahole.base" -own "$out/pahole" || [ $? = 1 ]
	mapfile -t same < <(sed "s|.*/|$out/j2/|; s|\$|.btf|" "$out/list.pahole")
	echo "the same by btfgen: $("$out/btfcompare" -n 0 -base "$base" -own "${same[@]}" | sed -n 1p)"
else
	skip pahole-1.30 "not on the PATH"
fi

# 3. Distilled bases.
echo
echo "== distilled"
mkdir "$out"/{distilled,relocated,elf}
"$BTFGEN" distill -j "$JOBS" --base "$base" --out-dir "$out/distilled" "$out"/j2/*.btf || fail distill
(cd "$out/distilled" && for f in *.btf.btf; do mv "$f" "${f%.btf}"; mv "$f.base" "${f%.btf}.base"; done)
find "$out/distilled" -name '*.base' -printf '%s\n' | awk '
	{ n++; sum += $1; squares += $1 * $1; if ($1 > max) max = $1 }
	END { printf ".BTF.base: %d files, mean %.0f bytes, standard deviation %.0f, largest %d\n", n, sum / n, sqrt(squares / n - (sum / n) ^ 2), max }'
"$BTFGEN" relocate -j "$JOBS" --base "$base" --out-dir "$out/relocated" "$out"/distilled/*.btf || fail "relocate onto the kernel they are from"
(cd "$out/relocated" && for f in *.btf.btf; do mv "$f" "${f%.btf}"; done)
echo "== before distillation (A) against relocated onto the same kernel (B)"
"$out/btfcompare" -n "${SHOW:-5}" -base "$base" "$out/j2" "$out/relocated" || fail "relocation does not give the same types"

# libbpf NAME: what resolve_btfids makes of a module's BTF, undistilled (for what its dedup changes)
# and distilled, against what btfgen distills from the former.
libbpf() {
	local name=$1 dir=$out/elf/$1
	mkdir "$dir"
	cp "$out/elf.o" "$dir/a"
	cp "$out/elf.o" "$dir/b"
	resolve_btfids-7.3 --btf "$out/j2/$name" --btf_base "$base" "$dir/a" || return 1
	resolve_btfids-7.3 --btf "$dir/a.BTF" --btf_base "$base" --distill_base "$dir/b" || return 1
	"$BTFGEN" distill --base "$base" -o "$dir/ours" "$dir/a.BTF" || return 1
	mv "$dir/b.BTF" "$dir/theirs" && mv "$dir/b.BTF.base" "$dir/theirs.base"
	if ! "$out/btfcompare" -own-bases "$dir/ours" "$dir/theirs" >"$dir/report"; then
		echo "$name: distilled, (A) differs from libbpf's (B):"
		cat "$dir/report"
		return 1
	fi
	rm -r "$dir"
}
export -f libbpf
if command -v resolve_btfids-7.3 >/dev/null && command -v "${CC:-gcc}" >/dev/null; then
	echo 'int x;' | "${CC:-gcc}" -c -x c -o "$out/elf.o" -
	# shellcheck disable=SC2016
	sed 's|.*/||; s|$|.btf|' "$out/some" | each 'libbpf "$1"' || fail "distilled bases differ from libbpf's"
	echo "resolve_btfids distills the same of $(wc -l <"$out/some")"
else
	skip resolve_btfids "not on the PATH, or no C compiler"
fi

# 4. Onto another kernel.
# verdict NAME: both verdicts on a module, onto.btf being the other kernel's types.
verdict() {
	local name=$1 ours=0 theirs=0
	"$BTFGEN" relocate -j 1 --base "$out/onto.btf" "$out/distilled/$name" 2>/dev/null || ours=1
	objcopy --add-section .BTF="$out/distilled/$name" --add-section .BTF.base="$out/distilled/$name.base" "$out/elf.o" "$out/onto/$name.o"
	bpftool -B "$out/onto.btf" btf dump file "$out/onto/$name.o" >/dev/null 2>&1 || theirs=1
	rm "$out/onto/$name.o"
	echo "$ours$theirs $name"
}
export -f verdict
if [ -n "$target" ]; then
	echo
	echo "== onto $target"
	if command -v bpftool >/dev/null && [ -e "$out/elf.o" ]; then
		mkdir "$out/onto"
		"$BTFGEN" encode -j "$JOBS" --base none -o "$out/onto.btf" "$target/vmlinux"
		# shellcheck disable=SC2016
		sed 's|.*/||; s|$|.btf|' "$out/list" | each 'verdict "$1"' >"$out/verdicts"
		echo "accepted by both $(grep -c ^00 "$out/verdicts" || true), refused by both $(grep -c ^11 "$out/verdicts" || true)"
		grep -v -e ^00 -e ^11 "$out/verdicts" && fail "libbpf has another verdict (btfgen's, libbpf's: 1 is no)"
	else
		skip "onto another kernel" "no bpftool or C compiler"
	fi
fi

echo
if [ $failed = 0 ]; then echo "all holds"; else echo "FAILED"; fi
exit $failed
