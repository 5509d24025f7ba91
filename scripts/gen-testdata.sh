#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Compiles testdata/cases/* to the committed objects and writes the table of
# testdata/README.md. Installs nothing; says what is missing.
#
#   gen-testdata.sh            all of them
#   gen-testdata.sh CASE...    these only (the table is written from all objects)
#   OUT=DIR gen-testdata.sh    somewhere else, to compare
#
# A case says in comments how it is compiled, in its header or, where no line of the code is to move, at its end:
#
#   build: TOOLCHAIN,... DWARF,... [as=VARIANT] [link=no|r] [compress=zlib|zstd|zlib-gnu]
#          [strip=symtab] [post=dwz|pahole] [compiler flag]...
#   units: N       compile the file N times, with UNIT=1..N, into one image
#   also: FILE     link this file of cases/ too
#   script: FILE   linker script of cases/
#
# and each toolchain and DWARF version gives objects/CASE.TOOLCHAIN.dwarfN[.VARIANT].elf: an
# executable at its final addresses (as vmlinux is), unless link= says otherwise.
# shellcheck disable=SC2016 # backquotes are Markdown here
set -euo pipefail
export LC_ALL=C SOURCE_DATE_EPOCH=0

root=$(cd "$(dirname "$0")/.." && pwd)
cases=$root/testdata/cases
out=${OUT:-$root/testdata}
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
mkdir -p "$out/objects"
cd "$cases"

# A case's own flags come later and win. Nothing of the libc, no path of this machine.
compile_flags=(-c -O2 -g -ffreestanding -fno-pic -fno-ident -fno-stack-protector -fno-asynchronous-unwind-tables
	"-ffile-prefix-map=/proc/self/cwd=.")
# shellcheck disable=SC2054 # the commas are for the linker
link_flags=(-nostdlib -static -Wl,-e,0 -Wl,--build-id=none -Wl,-N)

# gcc_prefix ARCH: prefix of the binutils and gcc for it.
gcc_prefix() {
	echo "$1-linux-gnu-"
}

# compiler TOOLCHAIN: sets cc, the compile command, and ld, the link command.
compiler() {
	local arch=${1#*-}
	case $1 in
	gcc-*)
		cc=("$(gcc_prefix "$arch")gcc")
		ld=("${cc[@]}" "-Wl,--no-warn-rwx-segments" -no-pie)
		;;
	clang-s390x) # lld does not know this machine
		cc=(clang --target=s390x-linux-gnu)
		ld=(s390x-linux-gnu-gcc "-Wl,--no-warn-rwx-segments" -no-pie)
		;;
	clang-*)
		cc=(clang "--target=$arch-linux-gnu")
		ld=("${cc[@]}" -fuse-ld=lld)
		;;
	*)
		echo "$case: no toolchain $1" >&2
		exit 1
		;;
	esac
}

# directive NAME: its arguments in the header of $source, one line per occurrence.
directive() {
	sed -n "s|^// $1: ||p" "$source"
}

# compile_units: compiles $source and its companions into $objs.
compile_units() {
	local units file n
	units=$(directive units)
	objs=()
	for ((n = 1; n <= ${units:-1}; n++)); do
		"${cc[@]}" "${compile_flags[@]}" "-gdwarf-$dwarf" "${flags[@]}" ${units:+"-DUNIT=$n"} -w "$source" -o "$case-$n.o"
		objs+=("$case-$n.o")
	done
	while read -r file; do
		"${cc[@]}" "${compile_flags[@]}" "-gdwarf-$dwarf" "${flags[@]}" -w "$file" -o "${file%.*}.o"
		objs+=("${file%.*}.o")
	done < <(directive also)
}

# link_image: $objs -> $object, by $link.
link_image() {
	local script
	script=$(directive script)
	case $link in
	no) mv "${objs[0]}" "$object" ;;
	r) "$(gcc_prefix "$arch")ld" -r "${objs[@]}" -o "$object" ;;
	*) "${ld[@]}" "${link_flags[@]}" "-gdwarf-$dwarf" "${flags[@]}" ${script:+"-Wl,-T,$script"} "${objs[@]}" -o "$object" ;;
	esac
}

# finish: what is done to $object after linking.
finish() {
	local objcopy
	objcopy=$(gcc_prefix "$arch")objcopy
	case $post in
	dwz) dwz "$object" ;;
	pahole) LLVM_OBJCOPY=$objcopy pahole -J "$object" ;;
	esac
	if [ -n "$compress" ]; then "$objcopy" "--compress-debug-sections=$compress" "$object"; fi
	if [ "$strip" = symtab ]; then
		"$objcopy" --strip-all --keep-section='.debug*' "$object"
	fi
}

# build_one TOOLCHAIN DWARF: one object, in a directory of its own so that the names inside it
# depend on nothing else.
build_one() {
	local toolchain=$1 dwarf=$2 arch=${1#*-} name object
	local cc ld objs
	compiler "$toolchain"
	name=$case.$toolchain.dwarf$dwarf${as:+.$as}.elf
	object=$case.elf
	local dir=$work/build
	rm -rf "$dir"
	mkdir "$dir"
	(
		cp "$cases"/* "$dir"
		cd "$dir"
		export PWD=/proc/self/cwd # what the compilers then take for the directory
		compile_units
		link_image
		finish
	)
	mv "$dir/$object" "$out/objects/$name"
	chmod 644 "$out/objects/$name"
}

# describe_one TOOLCHAIN DWARF: the row of the README for one object.
describe_one() {
	local toolchain=$1 dwarf=$2 cc ld file units script steps=''
	compiler "$toolchain"
	units=$(directive units)
	script=$(directive script)
	file=$(directive also)
	case $link in
	no) steps='not linked' ;;
	r) steps='`ld -r`' ;;
	*) steps="\`${ld[0]} ${ld[*]:1} LINK${script:+ -Wl,-T,$script}\`" ;;
	esac
	if [ -n "$post" ]; then steps+=", \`$post\`"; fi
	if [ -n "$compress" ]; then steps+=", \`objcopy --compress-debug-sections=$compress\`"; fi
	if [ -n "$strip" ]; then steps+=", \`objcopy --strip-all --keep-section=.debug*\`"; fi
	echo "| $case.$toolchain.dwarf$dwarf${as:+.$as}.elf | \`${cc[*]} COMPILE -gdwarf-$dwarf${flags[*]:+ ${flags[*]}}${units:+ -DUNIT=1..$units} $source${file:+ $file}\` | $steps |"
}

# write_table: replaces what follows the marker in the README.
write_table() {
	local readme=$1 marker='<!-- From here on written by scripts/gen-testdata.sh. -->' tool
	{
		sed "\|^$marker\$|q" "$readme"
		printf '\nCompilers (Debian packages) and linkers:\n\n'
		for tool in {x86_64,aarch64,s390x,i686,powerpc,riscv64}-linux-gnu-gcc clang x86_64-linux-gnu-ld ld.lld dwz pahole; do
			echo "- $tool: $("$tool" --version 2>&1 | head -n 1)"
		done
		printf '\nCOMPILE is `%s`; LINK is `%s`.\n\n' "${compile_flags[*]}" "${link_flags[*]}"
		printf '| object | compiled | linked |\n|---|---|---|\n'
		for source in *.c *.cc; do
			each_object describe_one "$source"
		done
	} >"$work/README.md"
	cat "$work/README.md" >"$readme"
}

# each_object FUNCTION SOURCE: calls it with toolchain and DWARF version for all objects of a case.
each_object() {
	local each=$1 source=$2 case=${2%.*} toolchains versions words word
	while read -r toolchains versions words; do
		local as='' link='' compress='' strip='' post='' flags=()
		for word in $words; do
			case $word in
			as=*) as=${word#*=} ;;
			link=*) link=${word#*=} ;;
			compress=*) compress=${word#*=} ;;
			strip=*) strip=${word#*=} ;;
			post=*) post=${word#*=} ;;
			*) flags+=("$word") ;;
			esac
		done
		for toolchain in ${toolchains//,/ }; do
			for version in ${versions//,/ }; do
				"$each" "$toolchain" "$version"
			done
		done
	done < <(directive build)
}

# need: fails with the Debian packages of the tools that are not here.
need() {
	local missing=() pair
	for pair in x86_64-linux-gnu-gcc:gcc x86_64-linux-gnu-g++:g++ aarch64-linux-gnu-gcc:gcc-aarch64-linux-gnu \
		s390x-linux-gnu-gcc:gcc-s390x-linux-gnu i686-linux-gnu-gcc:gcc-i686-linux-gnu \
		powerpc-linux-gnu-gcc:gcc-powerpc-linux-gnu riscv64-linux-gnu-gcc:gcc-riscv64-linux-gnu clang:clang ld.lld:lld dwz:dwz pahole:pahole; do
		command -v "${pair%%:*}" >/dev/null || missing+=("${pair##*:}")
	done
	if [ ${#missing[@]} -gt 0 ]; then
		echo "missing packages: ${missing[*]}" >&2
		exit 1
	fi
}

need
if [ $# -eq 0 ]; then
	rm -f "$out"/objects/*.elf
	set -- *.c *.cc
fi
for source; do
	case $source in *.c | *.cc) ;; *) source=$source.c ;; esac
	echo "$source"
	each_object build_one "$source"
done
if grep -lE "$work|$root|/tmp/|$HOME/" "$out"/objects/*.elf; then
	echo "these objects name a path of this machine" >&2
	exit 1
fi
if [ -e "$out/README.md" ]; then write_table "$out/README.md"; fi
du -sh "$out/objects"
