"""The suites that need a real KVM: their cases stand in tests/."""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Collection
from pathlib import Path

from vmmtools.arch import Arch
from vmmtools.base import SOURCE_ROOT, Failure
from vmmtools.check import tap
from vmmtools.check.cases import Case, File, run_cases
from vmmtools.check.context import Context, ported_arches
from vmmtools.check.native import BUILD_LIMIT, python_suite
from vmmtools.check.process import call
from vmmtools.check.report import only

TESTS = SOURCE_ROOT / "tests"
KVM_LIMIT = 10800
"""More than the hosts of tests/kvm/run may take by its own limits, even one
after another."""


def _load(folder: str) -> list[Case]:
    """The cases of every module of tests/FOLDER that has some."""
    if str(TESTS) not in sys.path:
        sys.path.insert(0, str(TESTS))
    found: list[Case] = []
    for file in sorted((TESTS / folder).glob("*.py")):
        module = importlib.import_module(f"{folder}.{file.stem}")
        found += module.cases() if hasattr(module, "cases") else []
    return found


def _common_files(arch: Arch) -> list[File]:
    """What run.sh and the cases need in every host of an architecture."""
    artifacts = importlib.import_module("boot.artifacts")
    files: list[tuple[Path, str]] = [
        (TESTS / "boot" / name, f"/lab/boot/{name}")
        for name in artifacts.IN_HOST]
    files += [(artifacts.program(name, arch), f"/lab/boot/{name}")
              for name in artifacts.PROGRAMS]
    files.append((artifacts.guest_cpio(arch), "/lab/boot/guest.cpio"))
    return files


def lab_suite(context: Context) -> None:
    """Test tools/lab itself."""
    for arch in ported_arches():
        context.wait_for_kernels(arch)
    python_suite(context, "lab", BUILD_LIMIT)


def case_suite(context: Context, folder: str, arch: Arch,
               others: Collection[str] = ()) -> None:
    """Run the cases of tests/FOLDER whose hosts are of an architecture; other
    suites run those of `others`."""
    # The modules make the files of all their cases, from what is built of
    # every architecture, and from the kernels that are there first.
    for each in ported_arches():
        ended = call([SOURCE_ROOT / "tools" / "build", each.name, "--target",
                      "all"], limit=BUILD_LIMIT, report=context.report)
        if not ended.good:
            context.report.failed("build", f"{ended.text}\n{ended}")
            return
    context.wait_for_kernels(ported_arches()[0])
    context.wait_for_kernels(arch)
    # mke2fs is for root only on some systems' paths.
    os.environ["PATH"] += ":/usr/sbin:/sbin"
    cases = _load(folder)
    lost = {case.host.arch for case in cases} - {arch.name, *others}
    if lost:
        raise Failure(f"tests/{folder}: no suite runs the cases of "
                      f"{', '.join(lost)}")
    run_cases(context, [case for case in cases
                        if case.host.arch == arch.name], _common_files(arch))


def kvm_suite(context: Context, arch: Arch) -> None:
    """Run the bare guests of an architecture; --test takes their plain
    names."""
    context.wait_for_kernels(arch)
    ended = call([TESTS / "kvm" / "run", "--jobs", str(context.jobs),
                  f"--arch={arch.name}", *context.patterns],
                 limit=KVM_LIMIT, report=context.report)
    read = tap.parse(ended.text)
    failed = 0
    for result in read.results:
        # HOST: NAME
        name = result.name.rpartition(": ")[2]
        if not result.good:
            failed += 1
            context.report.failed(result.name, result.said, only(name))
        elif result.skip:
            context.report.skipped(result.name, result.skip)
        else:
            # All it says is how long it took.
            context.report.passed(result.name, result.said.strip("# \n"))
    if read.fault or (not ended.good and not failed):
        context.report.failed("(runner)", f"{ended.text}\n{ended}\n"
                              f"{read.fault}")
