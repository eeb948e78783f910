"""The suites that run on this machine: Meson's tests, clang-tidy, Python's."""

from __future__ import annotations

import json
import re
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from vmmtools.arch import Arch
from vmmtools.base import SOURCE_ROOT, Failure, recipe_key, remove_tree
from vmmtools.build import Build
from vmmtools.check import tap
from vmmtools.check.context import Context, lab_arches
from vmmtools.check.process import at_once, call
from vmmtools.check.report import CHECK_FOLDER, Report, only

BUILD_LIMIT = 900
TEST_LIMIT = 300

SANITIZERS = {
    # A test that goes on after what a sanitizer found would pass.
    "ASAN_OPTIONS": "detect_leaks=1:abort_on_error=1",
    "UBSAN_OPTIONS": "halt_on_error=1:print_stacktrace=1",
    "TSAN_OPTIONS": "halt_on_error=1:second_deadlock_stack=1",
}


@dataclass(frozen=True)
class Variant:
    """One way to build the tree for this machine."""

    name: str
    compiler: str
    options: tuple[str, ...] = ()

    @property
    def folder(self) -> Path:
        """The build folder."""
        return CHECK_FOLDER / self.name


GCC = Variant("gcc", "gcc")
CLANG = Variant("clang", "clang")
ASAN = Variant("asan", "gcc", ("-Db_sanitize=address,undefined",
                               # gcc takes a third less time than for -O2.
                               "-Doptimization=1",
                               "-Dc_args=-fno-sanitize-recover=all"))
TSAN = Variant("tsan", "clang", ("-Db_sanitize=thread", "-Db_lundef=false"))
FUZZ = Variant("fuzz-build", "clang", (
    "-Dfuzz=true", "-Db_sanitize=address,undefined", "-Db_lundef=false",
    "-Dc_args=-fno-sanitize-recover=all"))


def build(context: Context, variant: Variant, *targets: str) -> bool:
    """Build a variant; a failure is told as that of the test "build"."""
    folder = variant.folder
    stamp = folder / "check.key"
    key = recipe_key(variant.compiler, variant.options)
    steps: list[list[str | Path]] = []
    if not (stamp.exists() and stamp.read_text() == key):
        remove_tree(folder)
        steps.append(["meson", "setup", *variant.options, folder, SOURCE_ROOT])
    steps.append(["ninja", f"-j{context.jobs}", "-C", folder, *targets])
    for step in steps:
        ended = call(step, limit=BUILD_LIMIT, report=context.report,
                     env={"CC": variant.compiler})
        if not ended.good:
            context.report.failed("build", f"{ended.text}\n{step[0]}: {ended}")
            return False
        if step[0] == "meson":
            stamp.write_text(key)
    return True


def meson_suite(context: Context, variant: Variant, suite: str) -> None:
    """Run the Meson tests of a suite in a variant of the build."""
    if not build(context, variant):
        return
    listed = call(["meson", "test", "-C", variant.folder, "--list",
                   "--no-rebuild", "--suite", suite], limit=60)
    # "vmm:unit / name"; the name is what `meson test` takes.
    names = [line.rpartition(" / ")[2] for line in listed.text.splitlines()
             if " / " in line]
    chosen = [name for name in names if context.wants(name)]
    if not chosen:
        return
    results = variant.folder / "meson-logs" / "testlog.json"
    results.unlink(missing_ok=True)
    ended = call(["meson", "test", "-C", variant.folder, "--no-rebuild",
                  "--num-processes", str(context.jobs), "--suite", suite,
                  *chosen], limit=BUILD_LIMIT, report=context.report,
                 env=SANITIZERS)
    rows = ([json.loads(line) for line in results.read_text().splitlines()]
            if results.exists() else [])
    bad = context.report.counts.failed
    for row in rows:
        meson_result(context.report, row)
    if len(rows) != len(chosen):
        context.report.failed("(runner)", f"{ended.text}\n{len(chosen)} tests "
                              f"were to run, {len(rows)} told a result")
    elif not ended.good and context.report.counts.failed == bad:
        context.report.failed("(runner)", f"{ended.text}\nmeson test: {ended}")


def meson_result(report: Report, row: dict[str, Any]) -> None:
    """Count what one test program of Meson's said."""
    name = row["name"].rpartition(" / ")[2]
    said = "\n".join(filter(None, (row.get("stdout"), row.get("stderr"))))
    report.write(f"== {name}: {row['result']}\n{said}")
    read = tap.parse(row.get("stdout") or "")
    if not read.results and not read.skip:
        # No TAP: the program's status is the one result.
        if row["result"] == "OK":
            report.passed(name)
        elif row["result"] == "SKIP":
            lines = said.strip().splitlines()
            report.skipped(name, lines[-1] if lines else "")
        else:
            report.failed(name, f"{said}\n{row['result']}, status "
                          f"{row.get('returncode')}", only(name))
        return
    if read.fault and row["result"] not in ("OK", "SKIP"):
        read.fault = f"{said}\n{row['result']}: {read.fault}"
    failed = count_tap(report, name, read)
    if row["result"] not in ("OK", "SKIP") and not failed:
        report.failed(name, f"{said}\n{row['result']}, status "
                      f"{row.get('returncode')}", only(name))


def count_tap(report: Report, program: str, read: tap.Tap) -> int:
    """Count the results of one program; how many of them failed."""
    again = only(program)
    failed = 0
    if read.skip:
        report.skipped(program, read.skip)
    for result in read.results:
        name = f"{program}: {result.name}"
        if not result.good:
            failed += 1
            report.failed(name, result.said, again)
        elif result.skip:
            report.skipped(name, result.skip)
        else:
            report.passed(name)
    if read.fault:
        failed += 1
        report.failed(program, read.fault, again)
    return failed


def python_suite(context: Context, name: str, limit: int) -> None:
    """The Python tests in tests/NAME, run by unittest, one line each."""
    folder = SOURCE_ROOT / "tests" / name

    def run(file: Path) -> None:
        ended = call([sys.executable, "-m", "unittest", "-v", file.stem],
                     limit=limit, report=context.report, cwd=folder,
                     env={"PYTHONPATH": str(SOURCE_ROOT / "tools")})
        unittest_results(context.report, file.stem, ended.text, ended.good)

    at_once(context.jobs, run, [file for file in
                                sorted(folder.glob("test_*.py"))
                                if context.wants(file.stem)])


def fleet_suite(context: Context) -> None:
    """The Python tests in tests/fleet, with a vmm whose guests are this
    machine."""
    if build(context, GCC, "tests/cli/vmm_words"):
        python_suite(context, "fleet", BUILD_LIMIT)


UNITTEST = re.compile(r"^(\w+) \(([\w.]+)\).*?\.\.\. (ok|FAIL|ERROR|skipped"
                      r"|expected failure)(?: ['\"](.*)['\"])?$",
                      re.M | re.S)


def unittest_results(report: Report, name: str, text: str, good: bool) -> None:
    """Count what `unittest -v` said."""
    failed = False
    for match in UNITTEST.finditer(text):
        test = f"{name}: {match[1]}"
        if match[3] == "ok":
            report.passed(test)
        elif match[3] == "skipped":
            report.skipped(test, match[4] or "")
        else:
            failed = True
            # The reasons are told at the end, each after a line of "=".
            told = [part for part in text.split("=" * 70)
                    if f" {match[1]} (" in part.partition("\n" + "-" * 70)[0]]
            report.failed(test, told[-1] if told else text, only(name))
    if not good and not failed:
        report.failed(name, text, only(name))


def cross_suite(context: Context) -> None:
    """The whole tree, for each architecture, by each compiler, static."""
    for arch in lab_arches():
        for compiler in ("gcc", "clang"):
            name = f"{arch.name}-{compiler}"
            if not context.wants(name):
                continue
            ended = call(
                [SOURCE_ROOT / "tools" / "build", arch.name, "--compiler",
                 compiler, "--target", "all"],
                limit=BUILD_LIMIT, report=context.report)
            if ended.good:
                context.report.passed(name)
            else:
                context.report.failed(name, f"{ended.text}\n{ended}",
                                      only(name))


def tidy_suite(context: Context) -> None:
    """clang-tidy on every file that is built for an architecture with KVM.

    Only there is every file of the tree compiled.
    """
    seen: set[str] = set()
    for arch in lab_arches():
        _tidy(context, arch, seen)


def _tidy(context: Context, arch: Arch, seen: set[str]) -> None:
    folder = Build(arch, "clang").folder
    ended = call([SOURCE_ROOT / "tools" / "build", arch.name, "--compiler",
                  "clang", "--target", "all"], limit=BUILD_LIMIT,
                 report=context.report)
    if not ended.good:
        context.report.failed("build", f"{ended.text}\n{ended}")
        return
    rows = json.loads((folder / "compile_commands.json").read_text())
    files = sorted({(folder / row["file"]).resolve() for row in rows})
    files = [file for file in files if file.suffix == ".c"]
    if not shutil.which("clang-tidy"):
        raise Failure("clang-tidy: not installed")

    def check(file: Path) -> None:
        name = str(file.relative_to(SOURCE_ROOT))
        if name in seen or not context.wants(name):
            return
        seen.add(name)
        said = call(["clang-tidy", "--quiet", "-p", folder, file],
                    limit=TEST_LIMIT, report=context.report)
        if said.good:
            context.report.passed(name)
        else:
            context.report.failed(name, said.text, only(name))

    at_once(context.jobs, check, files)
