"""tools/check: runs every test; the last line is the sum."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import traceback

from vmmtools import hostpkgs
from vmmtools.base import Failure, tool_main
from vmmtools.check.context import Context, Suite
from vmmtools.check.kernels import Kernels, used_kernels
from vmmtools.check.process import end_all
from vmmtools.check.report import Counts, Report, crashed, final, tell
from vmmtools.check.suites import all_suites
from vmmtools.kbuild import about


def parse() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(
        prog="tools/check",
        description="Run every test. What is missing is installed first. The "
        "last line is the sum; the status is 0 only if nothing failed. "
        "Everything the tests said is in build/check/SUITE.log.")
    parser.add_argument("--suite", action="append", default=[],
                        metavar="NAME", help="only this suite, or those that "
                        "begin with NAME- (repeatable)")
    parser.add_argument("--test", action="append", default=[],
                        metavar="PATTERN", help="only tests with such names, "
                        "as a shell matches them (repeatable)")
    parser.add_argument("--fast", action="store_true",
                        help="only the suites that take seconds")
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1,
                        metavar="N", help="as many at a time (default: "
                        "the number of processors)")
    parser.add_argument("--fuzz-seconds", type=int, default=20, metavar="N",
                        help="time for each fuzz target (default: 20)")
    parser.add_argument("--list", action="store_true",
                        help="print the suites and end")
    args = parser.parse_args()
    if args.jobs < 1:
        parser.error(f"--jobs {args.jobs}: at least one")
    return args


def choose(suites: list[Suite], names: list[str], fast: bool) -> list[Suite]:
    """The suites that were asked for, in their own order."""
    for name in names:
        if not any(suite.name == name or suite.name.startswith(f"{name}-")
                   for suite in suites):
            known = ", ".join(suite.name for suite in suites)
            raise Failure(f"--suite {name}: unknown suite (known: {known})", 2)
    return [suite for suite in suites if
            (not names and not suite.named
             or any(suite.name == name or suite.name.startswith(f"{name}-")
                    for name in names))
            and (not fast or suite.fast)]


def run_suite(suite: Suite, args: argparse.Namespace,
              kernels: Kernels) -> Counts:
    """Run one suite; whatever goes wrong in its runner is a failure."""
    report = Report(suite.name)
    try:
        suite.run(Context(report, args.jobs, tuple(args.test),
                          args.fuzz_seconds, kernels.wait))
    except Failure as failure:
        crashed(report, failure, "")
    except Exception as error:  # pylint: disable=broad-except
        crashed(report, error, traceback.format_exc())
    return report.close()


def outlook(suites: list[Suite], kernels: Kernels, jobs: int) -> str:
    """How long it will take, in one line."""
    duration = (kernels.seconds
                + sum(suite.seconds for suite in suites) * 2 / jobs)
    built = [f"{kernel.arch.name} {kernel.name}" for kernel in kernels.built]
    return (f"check: {about(duration)} if nothing else runs here"
            + (f", {about(kernels.seconds)} of it for kernels that are built "
               f"once: {', '.join(built)}" if built else ""))


def main() -> int:
    """Run the suites."""
    args = parse()
    known = all_suites()
    suites = choose(known, args.suite, args.fast)
    if args.list:
        for suite in suites if args.suite or args.fast else known:
            print(f"{suite.name:11} {suite.summary}"
                  + (" (only if named)" if suite.named else ""))
        return 0
    # Ended by a signal, it must still end what it started.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    signal.signal(signal.SIGHUP, lambda *_: sys.exit(128 + signal.SIGHUP))
    kernels = Kernels(used_kernels() if any(suite.kernels for suite in suites)
                      else [])
    tell(outlook(suites, kernels, args.jobs))
    needs = kernels.needs()
    for suite in suites:
        needs |= suite.needs
    total = Counts()
    try:
        hostpkgs.ensure(needs, "run the tests")
        kernels.start()
        for suite in suites:
            tell(f"check: {suite.name}: {suite.summary}")
            total.add(run_suite(suite, args, kernels))
    finally:
        end_all()
    return final(total)


if __name__ == "__main__":
    sys.argv[0] = "tools/check"
    tool_main(main)
