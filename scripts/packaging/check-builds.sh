#!/usr/bin/env bash
# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Module builds with the packages and recipes, from end to end, in a fresh Debian (debootstrap). The module is that of
# testdata/modules.
#
#   DKMS  Kernels are installed, whose hooks then have DKMS build, strip, sign, compress and install the module; that
#         Debian is booted in qemu with each, where modprobe loads it. Then without the hooks: a package that asks for
#         btfgen by itself (override.conf), and none at all.
#   rpm   rpm/kmod.spec, whose module keeps its BTF when find-debuginfo strips it; and without the line that does that.
#   deb   deb/rules
#
#   check-builds.sh [FOLDER]     FOLDER holds packages (package.sh); they are made if it is not named
#
# Needs root, debootstrap, qemu-system-x86_64, mke2fs and 4 GB. What is missing is skipped with a line, or with
# BTFGEN_REQUIRE_TOOLS=1 a failure. Environment: MIRROR (that of this machine's apt sources), KERNELS the series to
# install, that of the suite first and then some of its backports (6.12 7.2), KEEP a folder for logs and modules.
#
# Exit: 0 all passed, 1 a check failed or is missing, 2 usage.
set -uo pipefail
cd "$(dirname "$0")/../.." || exit 1
if [ $# -gt 1 ] || [[ ${1:-} == -* ]]; then
	echo "usage: check-builds.sh [FOLDER]" >&2
	exit 2
fi
if [ "$(id -u)" != 0 ]; then missing="not root"; fi
if [ "$(uname -m)" != x86_64 ]; then missing="not on x86_64"; fi
for tool in debootstrap qemu-system-x86_64 mke2fs unshare; do
	command -v "$tool" >/dev/null || missing="no $tool"
done
if [ -n "${missing:-}" ]; then
	echo "SKIP: check-builds: $missing"
	[ "${BTFGEN_REQUIRE_TOOLS:-0}" != 1 ]
	exit
fi

passed=0
failed=0
work=$(mktemp -d)
root=$work/root
trap 'rm -rf --one-file-system "$work"' EXIT
keep=${KEEP:-$work/keep}
mkdir -p "$keep" || exit 1

die() {
	echo "check-builds.sh: $*" >&2
	exit 1
}

# check NAME COMMAND...
check() {
	local name=$1
	shift
	if "$@" >"$work/log" 2>&1; then
		echo "ok   $name"
		passed=$((passed + 1))
	else
		echo "FAIL $name"
		sed 's/^/     /' "$work/log"
		failed=$((failed + 1))
	fi
}

# inside SCRIPT [ARG]...: runs a shell script in the Debian.
inside() {
	# shellcheck disable=SC2016 # for the inner shell to expand
	unshare --mount -- sh -euc '
		mount -t proc proc "$1/proc"
		mount --rbind /dev "$1/dev"
		root=$1
		shift
		exec chroot "$root" /usr/bin/env -i HOME=/srv PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin \
			LC_ALL=C.UTF-8 DEBIAN_FRONTEND=noninteractive "$@"' sh "$root" sh -euc "$1" sh "${@:2}"
}

# prepare: a Debian with DKMS, btfgen, a package for DKMS, and a pahole that leaves a note if it is to encode.
prepare() {
	local file
	# shellcheck disable=SC2016
	mirror=${MIRROR:-$(apt-get indextargets --format '$(SITE)' 2>/dev/null | grep -m 1 -E 'debian/?$' || true)}
	[ -n "$mirror" ] || die "no Debian archive is configured; MIRROR=URL names one"
	debootstrap --variant=minbase trixie "$root" "$mirror" >"$keep/debootstrap.log" 2>&1 || die "no Debian: $(tail -n 3 "$keep/debootstrap.log")"
	printf '#!/bin/sh\nexit 101\n' >"$root/usr/sbin/policy-rc.d"
	chmod 755 "$root/usr/sbin/policy-rc.d"
	inside 'apt-get -qq update; apt-get -qq install -y --no-install-recommends bpftool debhelper debugedit dkms elfutils file \
		openssl rpm rpm2cpio' >"$keep/apt.log" 2>&1 || die "no dkms: see apt.log"
	for file in "$packages"/btfgen_*_amd64.deb "$packages"/btfgen-hooks_*_all.deb; do cp "$file" "$root/srv/" || exit 1; done
	inside 'dpkg -i /srv/*.deb >/dev/null' || die "packages not installed"

	install -Dm644 -t "$root/usr/src/btfgen-test-1.0" testdata/modules/btfgen_test/*
	cat >"$root/usr/src/btfgen-test-1.0/dkms.conf" <<-'END'
		PACKAGE_NAME="btfgen-test"
		PACKAGE_VERSION="1.0"
		BUILT_MODULE_NAME[0]="btfgen_test"
		DEST_MODULE_LOCATION[0]="/updates/dkms"
		AUTOINSTALL="yes"
	END
	inside 'dkms add btfgen-test/1.0' >/dev/null || die "no DKMS package"
	# Makefiles of 7.x ask for its version.
	cat >"$root/usr/local/bin/pahole" <<-'END'
		#!/bin/sh
		case " $* " in *" -J "*) echo "$@" >>/srv/pahole-called ;; esac
		exec /usr/bin/pahole "$@"
	END
	chmod 755 "$root/usr/local/bin/pahole"
}

# has_btf FILE: a module with all BTF sections, and no DWARF.
has_btf() {
	local sections name
	sections=$(readelf -SW "$1") || return
	for name in .BTF .BTF.base .BTF_ids; do
		grep -q " $name " <<<"$sections" || { echo "no $name"; return 1; }
	done
	! grep -F .debug_info <<<"$sections"
}

# dkms_module OUT: what DKMS has installed, unpacked.
dkms_module() {
	xz -dc "$root/lib/modules/$release/updates/dkms/btfgen_test.ko.xz" >"$1" && has_btf "$1"
}

# signed FILE: the signature is of the module as it is, by DKMS's key. It stands behind the ELF file, then 12 bytes that
# end with its length, then a line (include/linux/module_signature.h).
signed() {
	local size length
	tail -c 28 "$1" | cmp - <(printf '~Module signature appended~\n') || return
	size=$(stat -c %s "$1")
	length=$(tail -c 32 "$1" | head -c 4 | od -An -tu1 | awk '{ print (($1 * 256 + $2) * 256 + $3) * 256 + $4 }')
	head -c $((size - 40 - length)) "$1" >"$root/srv/signed" &&
		tail -c $((40 + length)) "$1" | head -c "$length" >"$root/srv/signature" &&
		inside '
			openssl x509 -inform DER -in /var/lib/dkms/mok.pub -out /srv/mok.pem
			openssl cms -verify -binary -noverify -nointern -certfile /srv/mok.pem -inform DER -in /srv/signature \
				-content /srv/signed -out /srv/content
			cmp /srv/content /srv/signed'
}

# same_module FILE: what DKMS has installed now is equal to an earlier one.
same_module() {
	dkms_module "$work/now.ko" && cmp "$1" "$work/now.ko"
}

# install_kernel SERIES: the newest, with its headers and the hooks of its packages. Sets $release.
install_kernel() {
	local suite=trixie
	case $1 in 7.*) suite=trixie-backports ;; esac
	# shellcheck disable=SC2016
	release=$(inside 'apt-get -qq update >&2
		apt-cache pkgnames "linux-headers-$1." | sed -n "s/^linux-headers-//; /cloud-amd64\$/p" | sort -V | tail -n 1' "$1" 2>>"$keep/apt.log")
	[ -n "$release" ] || return
	# shellcheck disable=SC2016
	inside 'apt-get -qq install -y --no-install-recommends -t "$2" "linux-image-$1" "linux-headers-$1"' "$release" $suite >>"$keep/apt.log" 2>&1
}

# boots: the Debian as it is, in a machine of its own, whose init loads the module.
boots() {
	cat >"$root/check" <<-'END'
		#!/bin/sh
		PATH=/usr/sbin:/usr/bin
		mount -t proc proc /proc; mount -t sysfs sys /sys
		{
			dmesg -n 1
			echo # behind what the initramfs has left on the line
			modprobe btfgen_test && echo LOADED
			[ -s /sys/kernel/btf/btfgen_test ] && echo HASBTF
			bpftool btf dump file /sys/kernel/btf/btfgen_test | sed -n 's/^.*FUNC .btfgen_test_sum. .*/FUNC/p; s/^.*DECL_TAG .bpf_kfunc. .*/KFUNC/p'
			dmesg | grep -E 'BPF:|BTF|kfunc'
			rmmod btfgen_test && echo UNLOADED
		} >/dev/ttyS0 2>&1
		echo o >/proc/sysrq-trigger
		sleep 60
	END
	chmod 755 "$root/check"
	rm -rf "$root/var/cache/apt" "$root/var/lib/apt/lists"
	truncate -s 4G "$work/disk" && mke2fs -q -F -t ext4 -d "$root" "$work/disk" || return
	# Emulated, as vmtest falls back to: a stock kernel does not boot on every /dev/kvm.
	timeout 600 qemu-system-x86_64 -accel tcg -cpu max,-cx16 -m 1024 -nodefaults -no-user-config -no-reboot -display none \
		-serial stdio -drive "file=$work/disk,format=raw,if=virtio" -kernel "$root/boot/vmlinuz-$release" \
		-initrd "$root/boot/initrd.img-$release" -append "root=/dev/vda rw console=ttyS0 quiet panic=-1 init=/check" \
		>"$keep/console-$release.log" 2>&1 </dev/null
	rm -f "$work/disk" "$root/check"
	tr -d '\r' <"$keep/console-$release.log" >"$work/console"
	local word
	for word in LOADED HASBTF FUNC KFUNC UNLOADED; do
		grep -qx "$word" "$work/console" || { cat "$work/console"; return 1; }
	done
	! grep -E 'BPF:|failed to validate|missing module BTF|mismatch' "$work/console"
}

# rpm_module KEEP: builds rpm/kmod.spec, which ends well if the module has kept its BTF; KEEP no takes out what does that.
rpm_module() {
	local spec=$root/srv/kmod.spec
	cp scripts/packaging/rpm/kmod.spec "$spec"
	if [ "$1" = no ]; then sed -i 's/ %{btfgen_keep_btf}$//' "$spec"; fi
	install -Dm644 scripts/packaging/rpm/macros.btfgen "$root/usr/lib/rpm/macros.d/macros.btfgen"
	rm -rf "$root/srv/rpm" "$root/srv/example-1.0"
	mkdir -p "$root/srv/rpm/SOURCES" && cp -r testdata/modules/btfgen_test "$root/srv/example-1.0" &&
		tar -czf "$root/srv/rpm/SOURCES/example-1.0.tar.gz" -C "$root/srv" example-1.0 || return
	# Debian's packages are not known to rpm, hence --nodeps.
	# shellcheck disable=SC2016
	inside 'rpmbuild -bb --nodeps --define "_topdir /srv/rpm" --define "kernel $1" /srv/kmod.spec
		cd /srv/rpm && rpm2cpio RPMS/*/kmod-example-1*.rpm | cpio -idm --quiet' "$release" || return
	has_btf "$root/srv/rpm/lib/modules/$release/extra/btfgen_test.ko"
}

# rpm_check_fails: without it, find-debuginfo takes the BTF away, and the build notices.
rpm_check_fails() {
	local said
	if said=$(rpm_module no 2>&1); then
		echo "the package was built"
		return 1
	fi
	grep 'btfgen_test.ko: no .BTF' <<<"$said" || { echo "$said"; return 1; }
}

deb_module() {
	local dir=$root/srv/example-modules
	mkdir -p "$dir/debian" && cp testdata/modules/btfgen_test/* "$dir/" && cp scripts/packaging/deb/rules "$dir/debian/" || return
	printf 'example (1.0) unstable; urgency=low\n\n  * Example.\n\n -- Nobody <nobody@localhost>  Thu, 01 Jan 2026 00:00:00 +0000\n' >"$dir/debian/changelog"
	cat >"$dir/debian/control" <<-'END'
		Source: example
		Section: kernel
		Priority: optional
		Maintainer: Nobody <nobody@localhost>
		Build-Depends: btfgen, debhelper-compat (= 13)
		Standards-Version: 4.7.0

		Package: example-modules
		Architecture: amd64
		Description: example
	END
	inside 'cd /srv/example-modules && dpkg-buildpackage -b -us -uc -d && dpkg-deb -x ../example-modules_1.0_amd64.deb /srv/debmodule' &&
		has_btf "$root/srv/debmodule/lib/modules/$release/extra/btfgen_test.ko"
}

# again: has DKMS install the package as it is now; the script stands for what is to be done before.
again() {
	# shellcheck disable=SC2016
	inside 'eval "$2"
		dkms remove btfgen-test/1.0 --all
		dkms add btfgen-test/1.0
		dkms install btfgen-test/1.0 -k "$1"' "$release" "$1"
}

packages=$work/packages
if [ $# -eq 1 ]; then
	packages=$(cd "$1" && pwd) || exit 1
else
	scripts/package.sh --arch amd64 --format deb "$packages" >"$keep/package.log" 2>&1 || die "no packages: $(cat "$keep/package.log")"
fi
prepare

echo "deb $mirror trixie-backports main" >"$root/etc/apt/sources.list.d/backports.list"
for series in ${KERNELS:-6.12 7.2}; do
	install_kernel "$series" || die "no kernel $series: see apt.log"
	module=$keep/btfgen_test-$release.ko
	check "$release: DKMS: the kernel's hooks have it install the module" inside 'dkms status btfgen-test/1.0 -k "$1" | grep installed' "$release"
	check "$release: it has BTF and no DWARF" dkms_module "$module"
	check "$release: by btfgen: pahole was not called" [ ! -e "$root/srv/pahole-called" ]
	check "$release: its signature is valid" signed "$module"
	check "$release: modinfo reads it, compressed" inside 'modinfo -k "$1" btfgen_test | grep ^signature' "$release"
	check "$release: it loads, in a machine that boots this Debian" boots
done

# What follows is about the last of them.
check "rpm: BTF survives find-debuginfo" rpm_module yes
check "rpm: the check notices if it does not" rpm_check_fails
check "deb: rules" deb_module

check "DKMS, override.conf, without the hooks" again 'dpkg -P btfgen-hooks; ln -s /usr/share/btfgen/override.conf /etc/dkms/btfgen-test.conf'
check "the same module comes out" same_module "$module"
sed 's/="example"/="btfgen_test"/; /^PACKAGE_NAME/ s/_/-/2' scripts/packaging/dkms/dkms.conf >"$root/usr/src/btfgen-test-1.0/dkms.conf"
check "DKMS, dkms.conf that asks for btfgen" again 'rm /etc/dkms/btfgen-test.conf'
check "the same module comes out" same_module "$module"
check "by btfgen: pahole was not called" [ ! -e "$root/srv/pahole-called" ]
check "DKMS, without btfgen: it is built as ever" again 'dpkg -P btfgen'
check "by pahole" [ -s "$root/srv/pahole-called" ]
echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
