# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
#
# Nixpkgs: callPackage ./package.nix { }. Cross-building needs no emulator.
{ lib, stdenv, fetchurl, go }:

stdenv.mkDerivation (finalAttrs: {
  pname = "btfgen";
  version = "0.1";

  src = fetchurl {
    url = "https://github.com/btfgen/btfgen/releases/download/v${finalAttrs.version}/btfgen-${finalAttrs.version}-vendor.tar.xz";
    hash = lib.fakeHash; # of the release
  };

  nativeBuildInputs = [ go ];
  env = {
    inherit (go) GOOS GOARCH;
    GOFLAGS = "-mod=vendor";
    GOTOOLCHAIN = "local";
    VERSION = finalAttrs.version;
  };

  buildPhase = ''
    runHook preBuild
    export HOME=$TMPDIR GOCACHE=$TMPDIR/go-build
    DESTDIR=$PWD/root PREFIX=/usr sh scripts/packaging/install.sh tool
    runHook postBuild
  '';

  installPhase = ''
    runHook preInstall
    mkdir -p $out
    cp -a root/usr/. $out/
    # Builds name it by its path, which the shell that runs them need not have in PATH.
    substituteInPlace $out/share/btfgen/module.mk --replace-fail 'btfgen module' "$out/bin/btfgen module"
    runHook postInstall
  '';

  doInstallCheck = stdenv.buildPlatform.canExecute stdenv.hostPlatform;
  installCheckPhase = ''
    $out/bin/btfgen encode --verify -o $TMPDIR/out.btf testdata/objects/many_units.gcc-x86_64.dwarf5.elf
  '';

  meta = {
    description = "BTF for Linux kernels and modules, from their DWARF";
    homepage = "https://github.com/btfgen/btfgen";
    license = [ lib.licenses.gpl2Only lib.licenses.bsd2 ];
    platforms = lib.platforms.linux;
    mainProgram = "btfgen";
  };
})
