# SPDX-License-Identifier: GPL-2.0-only OR BSD-2-Clause
"""BTF as Bazel actions, for Android's Kleaf: one static program, nothing of the host, outputs apart from inputs.

In MODULE.bazel, for a host that is x86_64:

    http_archive = use_repo_rule("@bazel_tools//tools/build_defs/repo:http.bzl", "http_archive")
    http_archive(
        name = "btfgen",
        url = "https://github.com/btfgen/btfgen/releases/download/v0.1/btfgen-0.1-linux-amd64.tar.gz",
        sha256 = "...",  # its line in SHA256SUMS
        strip_prefix = "btfgen-0.1-linux-amd64",
        build_file_content = 'exports_files(["bin/btfgen"], visibility = ["//visibility:public"])',
    )

In BUILD.bazel:

    kernel_btf(name = "vmlinux_btf", vmlinux = ":vmlinux")
    module_btf(name = "driver_with_btf", module = ":driver.ko", base = ":vmlinux_btf")
"""

_BTFGEN = attr.label(
    default = "@btfgen//:bin/btfgen",
    allow_single_file = True,
    executable = True,
    cfg = "exec",
)

# The result does not depend on it; Bazel counts an action as one CPU.
_JOBS = ["-j", "1"]

def _kernel_btf(ctx):
    out = ctx.actions.declare_file(ctx.label.name + ".btf")
    ctx.actions.run(
        executable = ctx.executable._btfgen,
        arguments = ["encode"] + _JOBS + ["--verify", "-o", out.path, ctx.file.vmlinux.path],
        inputs = [ctx.file.vmlinux],
        outputs = [out],
        mnemonic = "KernelBtf",
        progress_message = "BTF of %{label}",
    )
    return DefaultInfo(files = depset([out]))

kernel_btf = rule(
    implementation = _kernel_btf,
    doc = "NAME.btf: the raw BTF of a vmlinux that has DWARF, compressed or not.",
    attrs = {"vmlinux": attr.label(allow_single_file = True, mandatory = True), "_btfgen": _BTFGEN},
)

def _module_btf(ctx):
    out = ctx.actions.declare_file(ctx.label.name + "/" + ctx.file.module.basename)
    ctx.actions.run(
        executable = ctx.executable._btfgen,
        arguments = ["module"] + _JOBS + [
            "--base",
            ctx.file.base.path,
            "--distill" if ctx.attr.distill else "--no-distill",
            "-o",
            out.path,
            ctx.file.module.path,
        ],
        inputs = [ctx.file.module, ctx.file.base],
        outputs = [out],
        mnemonic = "ModuleBtf",
        progress_message = "BTF of %{label}",
    )
    return DefaultInfo(files = depset([out]))

module_btf = rule(
    implementation = _module_btf,
    doc = "NAME/MODULE.ko: a module that is linked and not yet stripped or signed, with BTF.",
    attrs = {
        "module": attr.label(allow_single_file = [".ko"], mandatory = True),
        "base": attr.label(allow_single_file = True, mandatory = True, doc = "what kernel_btf made, or a vmlinux with BTF"),
        "distill": attr.bool(doc = "with .BTF.base, for kernels other than that of base"),
        "_btfgen": _BTFGEN,
    },
)
