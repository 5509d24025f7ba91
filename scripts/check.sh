#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Everything that must hold before a change goes in. Goes on after a failure; the last line
# counts. A tool or kernel that is missing is skipped with a line that says so.
#
#   BTFGEN_REQUIRE_TOOLS=1   what would be skipped fails, and the kernel is fetched (as .ci/run does)
#   FUZZ_SECONDS             for each fuzz target (5)
set -uo pipefail
cd "$(dirname "$0")/.." || exit 1

staticcheck=honnef.co/go/tools/cmd/staticcheck@v0.8.2
kernel=cloud-6.12
vm='vm-6.12'
export BTFGEN_REQUIRE_TOOLS=${BTFGEN_REQUIRE_TOOLS:-0}
passed=0
failed=()
logs=$(mktemp -d)
trap 'rm -rf "$logs"' EXIT

# step NAME COMMAND...
step() {
	local name=$1 start=$SECONDS
	shift
	printf '== %s\n' "$name"
	if "$@" 2>&1 | tee "$logs/$name"; then
		passed=$((passed + 1))
		printf -- '-- %s: ok, %d s\n' "$name" $((SECONDS - start))
	else
		failed+=("$name")
		printf -- '-- %s: FAILED, %d s\n' "$name" $((SECONDS - start))
	fi
}

# skip NAME REASON
skip() {
	printf 'SKIP: %s: %s\n' "$1" "$2"
	if [ "$BTFGEN_REQUIRE_TOOLS" = 1 ]; then failed+=("$1"); fi
}

# files GLOB...: the module's files, whether git knows them yet or not.
files() {
	local names=() glob
	for glob; do names+=(-o -name "$glob"); done
	find . -name .git -prune -o -path ./dist -prune -o -type f \( "${names[@]:1}" \) -print0
}

formatted() {
	local out
	out=$(files '*.go' | xargs -0 gofmt -l) || return 1
	if [ -n "$out" ]; then
		printf 'not formatted by gofmt:\n%s\n' "$out"
		return 1
	fi
}

shell_scripts() {
	{ files '*.sh' && printf '.ci/run\0'; } | xargs -0 shellcheck -S warning
}

# tidy_modules: go.mod and go.sum are what the imports need.
tidy_modules() {
	go mod tidy -diff
}

# generated: generating again changes no file.
generated() {
	local before
	before=$(files '*.go' | sort -z | xargs -0 sha256sum)
	go generate ./... || return 1
	diff <(echo "$before") <(files '*.go' | sort -z | xargs -0 sha256sum)
}

# parallel_packages: those whose code or tests start goroutines or share memory.
parallel_packages() {
	go list -f '{{.ImportPath}} {{join .Imports " "}} {{join .TestImports " "}} {{join .XTestImports " "}}' ./... |
		awk '/ (sync|sync\/atomic|golang.org\/x\/sync\/errgroup)( |$)/ { print $1 }'
}

race() {
	local packages
	mapfile -t packages < <(parallel_packages)
	if [ ${#packages[@]} -eq 0 ]; then
		echo "no package found that works in parallel"
		return 1
	fi
	CGO_ENABLED=1 go test -race -timeout 10m "${packages[@]}"
}

# The tools to compare with, and the kernel: fetched only where nothing may be skipped.
how=(--cached)
if [ "$BTFGEN_REQUIRE_TOOLS" = 1 ]; then how=(--vmlinux-only); fi
if peers=$(scripts/fetch-kernel.sh "${how[@]}" peers); then
	PATH=$peers:$PATH
else
	skip peers "scripts/fetch-kernel.sh peers has not fetched pahole, bpftool and resolve_btfids"
fi

step gofmt formatted
step build env CGO_ENABLED=0 go build ./...
step vet go vet ./...
if go run "$staticcheck" -version >/dev/null 2>&1; then
	step staticcheck go run "$staticcheck" ./...
else
	skip staticcheck "cannot be built ($staticcheck)"
fi
step tidy tidy_modules
if command -v shellcheck >/dev/null; then
	step shellcheck shell_scripts
else
	skip shellcheck "not installed"
fi
if files '*.go' | xargs -0 grep -q '^//go:generate'; then
	step generate generated
fi
step test go test -timeout 5m ./...
if command -v "${CC:-gcc}" >/dev/null; then
	step race race
else
	skip race "no C compiler, which the race detector needs"
fi
step fuzz scripts/fuzz.sh "${FUZZ_SECONDS:-5}"
step benchmarks go test -run '^$' -bench . -benchtime=1x ./...

how=(--cached)
if [ "$BTFGEN_REQUIRE_TOOLS" = 1 ]; then how=(); fi
if scripts/fetch-kernel.sh "${how[@]}" "$kernel" >/dev/null; then
	step kernel scripts/check-kernel.sh "$kernel"
	step modules env PEER_SAMPLE=20 scripts/check-modules.sh "$kernel" --sample 60
else
	skip kernel "scripts/fetch-kernel.sh $kernel has not fetched it"
fi
if ! scripts/fetch-kernel.sh "${how[@]}" "$vm" >/dev/null; then
	skip vmtest "scripts/fetch-kernel.sh $vm has not fetched it"
elif ! command -v qemu-system-x86_64 >/dev/null; then
	skip vmtest "no qemu-system-x86_64"
else
	step chain scripts/check-chain.sh "${vm#vm-}"
	step vmtest scripts/vmtest.sh "${vm#vm-}"
fi

# What failed once more, as a log may be cut in the middle.
for name in ${failed[@]+"${failed[@]}"}; do
	printf 'failed: %s\n' "$name"
	grep -hE -A 3 'FAIL|SKIP|^panic|WARNING: DATA RACE' "$logs/$name" 2>/dev/null | head -n 40
done
echo "$passed passed, ${#failed[@]} failed"
[ ${#failed[@]} -eq 0 ]
