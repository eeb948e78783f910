"""All suites of tools/check, in the order they are run."""

from __future__ import annotations

from functools import partial

from vmmtools import firmware, hostpkgs, package, qemu
from vmmtools.arch import ARCHES, Arch
from vmmtools.check import native
from vmmtools.check.context import Context, Suite, lab_arches, ported_arches
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

CASES: list[tuple[str, str, Needs]] = [
    ("boot", "Linux guests on hosts of every kind", {}),
    ("mem", "memory that guests give back, seen from outside", {}),
    ("input", "bad input, full disks, lost terminals", FOREIGN_NEEDS),
]
"""The folders of cases."""
SECONDS = {
    ("kvm", "arm64"): 190, ("kvm", "mips"): 40,
    ("boot", "arm64"): 410, ("boot", "mips"): 50,
    ("mem", "arm64"): 160, ("mem", "mips"): 20,
    ("input", "arm64"): 35,
}
"""How long the tests of a folder take on hosts of an architecture, where there
are any."""


def _kvm_suites(arch: Arch) -> list[Suite]:
    """The suites of guests of an architecture, which need its kernels alone.
    """
    found = [
        Suite(f"kvm-{arch.name}", "bare guests: what KVM and vmm do together",
              partial(kvm_suite, arch=arch), _lab_needs(),
              seconds=SECONDS["kvm", arch.name], kernels=True)]
    for folder, summary, needs in CASES:
        arches = [name for where, name in SECONDS if where == folder]
        if arch.name in arches:
            found.append(Suite(
                f"{folder}-{arch.name}", summary,
                partial(case_suite, folder=folder, arch=arch, others=arches),
                _lab_needs() | needs, seconds=SECONDS[folder, arch.name],
                kernels=True))
    return found


def all_suites() -> list[Suite]:
    """The suites; what is quick and general comes first."""
    clang = {"clang": "clang"} | CLANG_RUNTIME
    return [
        _meson("style",
               "layers, circles, headers, format, lengths, names, words, manuals",
               "style", native.GCC, STYLE_NEEDS, 45, fast=True),
        _meson("unit-gcc", "pure code, by gcc", "unit", native.GCC,
               {"dtc": "device-tree-compiler"}, 15, fast=True),
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
        Suite("fleet", "a suite on Slurm, and the examples of CI",
              native.fleet_suite, hostpkgs.build_needs(None) | {
                  "slurmctld": "slurmctld", "slurmd": "slurmd",
                  "sbatch": "slurm-client", "munged": "munge",
                  "/usr/lib/python3/dist-packages/kubernetes":
                  "python3-kubernetes"}, seconds=40),
        Suite("cross", "the whole tree for every architecture, by gcc and "
              "clang", native.cross_suite, _cross_needs(), seconds=155),
        Suite("tidy", "clang-tidy on every file", native.tidy_suite,
              _cross_needs() | {"clang-tidy": "clang-tidy"}, seconds=155),
        Suite("fuzz", "every fuzz target for 20 s", fuzz_suite,
              hostpkgs.build_needs(None, "clang") | clang, seconds=160),
        *(suite for arch in ported_arches() for suite in _kvm_suites(arch)),
        # It needs the kernels of all.
        Suite("lab", "what tools/lab promises", lab_suite,
              _lab_needs() | package.NEEDS | {
                  "lintian": "lintian", "dpkg-source": "dpkg-dev"},
              seconds=80, kernels=True),
        Suite("firmware", "EDK2 for kvmtool, from its menu to a booted kernel",
              partial(case_suite, folder="firmware", arch=ARCHES["arm64"]),
              _lab_needs() | firmware.NEEDS | {"mformat": "mtools"},
              named=True, seconds=120, kernels=True),
    ]
