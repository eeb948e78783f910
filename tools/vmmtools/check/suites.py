"""All suites of tools/check, in the order they are run."""

from __future__ import annotations

from functools import partial

from vmmtools import hostpkgs, package, qemu
from vmmtools.check import native
from vmmtools.check.context import Context, Suite, lab_arches
from vmmtools.check.fuzz import fuzz_suite
from vmmtools.check.labsuites import case_suite, kvm_suite, lab_suite
from vmmtools.hostpkgs import Needs

CLANG_RUNTIME = {"/usr/lib/llvm-*/lib/clang/*/lib/linux/libclang_rt.tsan*":
                 "libclang-rt-dev"}

STYLE_NEEDS = {"clang-format": "clang-format", "git": "git",
               "groff": "groff-base", "lexgrog": "man-db", "mandoc": "mandoc"}


def _meson(name: str, summary: str, suite: str, variant: native.Variant,
           needs: Needs, seconds: int, *, fast: bool = False) -> Suite:
    def run(context: Context) -> None:
        native.meson_suite(context, variant, suite)

    return Suite(name, summary, run,
                 hostpkgs.build_needs(None, variant.compiler) | needs, fast,
                 seconds)


def _cross_needs() -> Needs:
    needs: Needs = {}
    for arch in lab_arches():
        for compiler in ("gcc", "clang"):
            needs |= hostpkgs.build_needs(arch, compiler)
    return needs


def _lab_needs() -> Needs:
    needs: Needs = {}
    for arch in lab_arches():
        needs |= hostpkgs.build_needs(arch) | qemu.NEEDS.get(arch.name, {})
    return needs | {"zstd": "zstd", "/sbin/mke2fs": "e2fsprogs"}


# What makes the files of tests/input/foreign_kernels.py.
FOREIGN_NEEDS: Needs = {
    "cpio": "cpio", "dtc": "device-tree-compiler", "mkimage": "u-boot-tools",
    "mkbootimg": "mkbootimg", "xz": "xz-utils", "bzip2": "bzip2", "lz4": "lz4",
    "lzop": "lzop"}


def all_suites() -> list[Suite]:
    """The suites; what is quick and general comes first."""
    clang = {"clang": "clang"} | CLANG_RUNTIME
    return [
        _meson("style",
               "layers, circles, headers, format, lengths, names, words, manuals",
               "style", native.GCC, STYLE_NEEDS, 45, fast=True),
        _meson("unit-gcc", "pure code, by gcc", "unit", native.GCC, {},
               15, fast=True),
        _meson("unit-asan", "the same under address and undefined-behaviour "
               "sanitizers", "unit", native.ASAN, {}, 50, fast=True),
        _meson("unit-clang", "the same by clang", "unit", native.CLANG, clang,
               50),
        _meson("unit-tsan", "the same under the thread sanitizer", "unit",
               native.TSAN, clang, 80),
        Suite("tools", "the programs in tools/",
              partial(native.python_suite, name="tools",
                      limit=native.TEST_LIMIT),
              hostpkgs.build_needs(None) | {"git": "git"}, fast=True,
              seconds=20),
        Suite("cross", "the whole tree for every architecture, by gcc and "
              "clang", native.cross_suite, _cross_needs(), seconds=100),
        Suite("tidy", "clang-tidy on every file", native.tidy_suite,
              _cross_needs() | {"clang-tidy": "clang-tidy"}, seconds=160),
        Suite("fuzz", "every fuzz target for 30 s", fuzz_suite,
              hostpkgs.build_needs(None, "clang") | clang, seconds=160),
        Suite("lab", "what tools/lab promises", lab_suite,
              _lab_needs() | package.NEEDS | {"lintian": "lintian"},
              seconds=60, kernels=True),
        Suite("kvm", "bare guests: what KVM and vmm do together", kvm_suite,
              _lab_needs(), seconds=150, kernels=True),
        Suite("boot", "Linux guests on hosts of every kind",
              partial(case_suite, folder="boot"), _lab_needs(), seconds=300,
              kernels=True),
        Suite("mem", "memory that guests give back, seen from outside",
              partial(case_suite, folder="mem"), _lab_needs(), seconds=150,
              kernels=True),
        Suite("input", "bad input, full disks, lost terminals",
              partial(case_suite, folder="input"),
              _lab_needs() | FOREIGN_NEEDS),
    ]
