"""tools/check counts what tests say, and takes silence for failure."""

import io
import os
import signal
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path
from unittest import mock

from vmmtools.arch import find_arch
from vmmtools.base import Failure
from vmmtools.check import __main__ as check
from vmmtools.check import (cases, fuzz, kernels, labsuites, native, process,
                            report, tap)
from vmmtools.check.context import Context, Suite
from vmmtools.check.kernels import Kernels, used_kernels
from vmmtools.images import Kernel


def quiet_report(name="test"):
    """A report that writes into memory and tells nobody."""
    with mock.patch.object(report.Report, "log_path") as path:
        path.open.return_value = io.StringIO()
        return report.Report(name)


class TapTest(unittest.TestCase):
    """tap.parse"""

    def test_results_are_told_apart(self):
        read = tap.parse("1..3\nok 1 - one\nnot ok 2 - two\n# why\n"
                         "ok 3 - three # SKIP no /dev/kvm\n")
        self.assertEqual([(r.name, r.good, r.skip) for r in read.results],
                         [("one", True, None), ("two", False, None),
                          ("three", True, "no /dev/kvm")])
        self.assertIn("why", read.results[1].said)
        self.assertEqual(read.fault, "")

    def test_plan_may_come_last(self):
        self.assertEqual(tap.parse("ok 1 - one\n1..1\n").fault, "")

    def test_missing_plan_is_a_fault(self):
        self.assertIn("no plan", tap.parse("ok 1 - one\n").fault)

    def test_missing_result_is_a_fault(self):
        self.assertIn("2 tests were planned",
                      tap.parse("1..2\nok 1 - one\n").fault)

    def test_bail_out_is_a_fault(self):
        self.assertIn("no memory",
                      tap.parse("1..1\nBail out! no memory\n").fault)

    def test_skip_of_all_has_a_reason(self):
        read = tap.parse("1..0 # SKIP no KVM here\n")
        self.assertEqual(read.skip, "no KVM here")
        self.assertEqual(read.fault, "")

    def test_skip_told_before_the_result_is_that_ones(self):
        read = tap.parse("1..3\nok 1 - one\n# skipped: no io_uring\n"
                         "ok 2 - two\nok 3 - three\n")
        self.assertEqual([r.skip for r in read.results],
                         [None, "no io_uring", None])

    def test_comment_of_cmocka_is_no_result(self):
        read = tap.parse("1..1\nok 1 - one\n# ok - (tests)\n")
        self.assertEqual(len(read.results), 1)


class MesonTest(unittest.TestCase):
    """native.meson_result"""

    def counts(self, row):
        """What one row of Meson's log counts as."""
        into = quiet_report()
        with mock.patch.object(report, "tell"):
            native.meson_result(into, {"name": "vmm:unit / x", **row})
        return (into.counts.passed, into.counts.failed, into.counts.skipped)

    def test_each_tap_result_counts(self):
        row = {"result": "FAIL", "returncode": 1,
               "stdout": "1..3\nok 1 - a\nok 2 - b\nnot ok 3 - c\n"}
        self.assertEqual(self.counts(row), (2, 1, 0))

    def test_crash_after_good_results_fails(self):
        row = {"result": "ERROR", "returncode": -11,
               "stdout": "1..2\nok 1 - a\n"}
        self.assertEqual(self.counts(row), (1, 1, 0))

    def test_crash_after_all_results_fails(self):
        row = {"result": "ERROR", "returncode": -6,
               "stdout": "1..1\nok 1 - a\n"}
        self.assertEqual(self.counts(row), (1, 1, 0))

    def test_status_counts_without_tap(self):
        self.assertEqual(self.counts({"result": "OK", "stdout": ""}),
                         (1, 0, 0))
        self.assertEqual(self.counts({"result": "TIMEOUT", "stdout": "x"}),
                         (0, 1, 0))

    def test_skip_without_tap_is_a_skip(self):
        self.assertEqual(
            self.counts({"result": "SKIP", "stdout": "no clang-format\n"}),
            (0, 0, 1))


class UnittestTest(unittest.TestCase):
    """native.unittest_results"""

    def test_each_line_counts(self):
        into = quiet_report()
        with mock.patch.object(report, "tell"):
            native.unittest_results(
                into, "test_x",
                "test_a (test_x.T.test_a) ... ok\n"
                "test_b (test_x.T.test_b)\nWhat it is for. ... ok\n"
                "test_c (test_x.T.test_c) ... skipped 'no mke2fs'\n"
                "test_d (test_x.T.test_d) ... FAIL\n", False)
        self.assertEqual(str(into.counts), "2 passed, 1 failed, 1 skipped")
        self.assertEqual(into.skips, {"no mke2fs": ["test_x: test_c"]})

    def test_module_that_does_not_load_fails(self):
        into = quiet_report()
        with mock.patch.object(report, "tell"):
            native.unittest_results(into, "test_x", "SyntaxError\n", False)
        self.assertEqual(into.counts.failed, 1)


class RunnerTest(unittest.TestCase):
    """What tools/check makes of a suite"""

    def sum_of(self, run):
        """The counts of a suite with this runner."""
        args = mock.Mock(jobs=1, test=[], fuzz_seconds=1)
        with mock.patch.object(report, "tell"), \
                mock.patch.object(check, "Report",
                                  lambda name: quiet_report(name)):
            return str(check.run_suite(Suite("s", "", run), args,
                                       Kernels([])))

    def test_crash_of_the_runner_is_a_failure(self):
        def run(context: Context):
            context.report.passed("one")
            raise ValueError("boom")
        self.assertEqual(self.sum_of(run), "1 passed, 1 failed, 0 skipped")

    def test_failure_of_the_runner_is_a_failure(self):
        def run(_: Context):
            raise Failure("no compiler")
        self.assertEqual(self.sum_of(run), "0 passed, 1 failed, 0 skipped")

    def test_suite_without_tests_is_a_failure(self):
        self.assertEqual(self.sum_of(lambda context: None),
                         "0 passed, 1 failed, 0 skipped")

    def test_unknown_suite_is_refused(self):
        with self.assertRaisesRegex(Failure, "nosuch.*known: s"):
            check.choose([Suite("s", "", print)], ["nosuch"], False)

    def test_suite_for_its_name_runs_only_then(self):
        suites = [Suite("unit", "", print), Suite("long", "", print,
                                                  named=True)]
        self.assertEqual([suite.name for suite in
                          check.choose(suites, [], False)], ["unit"])
        self.assertEqual([suite.name for suite in
                          check.choose(suites, ["long"], False)], ["long"])

    def test_name_stands_for_its_variants(self):
        suites = [Suite(name, "", print) for name in
                  ("unit-gcc", "unit-asan", "units")]
        self.assertEqual([suite.name for suite in
                          check.choose(suites, ["unit"], False)],
                         ["unit-gcc", "unit-asan"])


def asked(folder):
    """A program that says when it is ready, and when it is asked to end."""
    return ["sh", "-c", f"cd {folder} && trap 'echo >asked; exit' TERM && "
            "echo >ready; while :; do sleep 0.1; done"]


class FuzzTest(unittest.TestCase):
    """fuzz.fuzz_target"""

    def fuzz(self, *inputs):
        """The sum, and how each run was to end, of a target whose runs try so
        many inputs."""
        into = quiet_report()
        ends = [process.Ended(0, f"Done {count} runs") for count in inputs]
        with tempfile.TemporaryDirectory() as name, \
                mock.patch.object(fuzz, "CHECK_FOLDER", Path(name)), \
                mock.patch.object(fuzz, "FINDS", Path(name)), \
                mock.patch.object(fuzz, "call", side_effect=ends) as call, \
                mock.patch.object(report, "tell"):
            fuzz.fuzz_target(Context(into, fuzz_seconds=9), Path("fuzz_x"))
        return str(into.counts), [args[0][0][4] for args in call.call_args_list]

    def test_time_ends_a_run(self):
        self.assertEqual(self.fuzz(5000), ("1 passed, 0 failed, 0 skipped",
                                           ["-max_total_time=9"]))

    def test_run_that_got_little_time_goes_on(self):
        self.assertEqual(self.fuzz(7, 1000), (
            "1 passed, 0 failed, 0 skipped",
            ["-max_total_time=9", "-runs=1000"]))

    def test_target_that_tries_nothing_fails(self):
        self.assertEqual(self.fuzz(0, 0)[0], "0 passed, 1 failed, 0 skipped")


class KernelsTest(unittest.TestCase):
    """check.kernels, and the line that says how long all takes"""

    RECIPE = {"source": "linux-source-6.12", "version": "1", "files": 1200}

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        for patch in (mock.patch.dict(os.environ, VMM_IMAGE_CACHE=folder.name),
                      mock.patch.object(kernels, "CHECK_FOLDER",
                                        Path(folder.name)),
                      mock.patch.object(kernels, "tell")):
            patch.start()
            self.addCleanup(patch.stop)
        self.kernel = Kernel(find_arch("arm64"), "k", self.RECIPE)

    def make(self, status, text=""):
        """Makes the kernel, by a program that ends with this status."""
        found = Kernels([self.kernel])
        ended = process.Ended(status, text)
        with mock.patch.object(kernels, "call", return_value=ended) as call:
            found.start()
            found.wait(self.kernel.arch)
        return call.call_args[0][0][1:]

    def test_missing_kernel_is_made_by_its_name(self):
        self.assertEqual(self.make(0), ["arm64", "k"])

    def test_kernel_that_cannot_be_had_is_told_to_all_who_wait(self):
        why = "no compiler\n.*arm64 k .*status 2"
        with self.assertRaisesRegex(Failure, why):
            self.make(2, "no compiler")

    def test_no_architecture_waits_for_the_next(self):
        other = Kernel(find_arch("mips"), "m", self.RECIPE)
        found = Kernels([self.kernel, other])
        made = threading.Event()

        def call(words, limit):
            del limit
            if words[1] == "mips":
                made.wait(60)
            return process.Ended(0, "")

        with mock.patch.object(kernels, "call", call):
            found.start()
            found.wait(self.kernel.arch)
            self.assertFalse(made.is_set())
            made.set()
            found.wait(other.arch)

    def test_first_architecture_comes_first_and_what_is_ready(self):
        rows = [(kernel.arch.name, kernel.seconds())
                for kernel in used_kernels()]
        self.assertEqual([arch for arch, _ in rows],
                         sorted(arch for arch, _ in rows))
        self.assertEqual(rows, sorted(rows, key=lambda row: (
            row[0], row[1] > 0, -row[1])))

    def test_kernel_that_is_there_is_not_made(self):
        self.kernel.folder.mkdir()
        self.kernel.image.touch()
        self.assertEqual(Kernels([self.kernel]).missing, [])

    def test_every_page_size_has_its_host_and_guest(self):
        names = {(kernel.arch.name, kernel.name) for kernel in used_kernels()}
        self.assertLessEqual({("arm64", "mini-64k"), ("arm64", "debian-16k"),
                              ("mips", "lab-host-16k"),
                              ("mips", "mini-guest-16k")}, names)

    def test_time_counts_suites_kernels_and_processors(self):
        suites = [Suite("s", "", print, seconds=240)]
        self.assertEqual(check.outlook(suites, Kernels([]), 4),
                         "check: about 2 minutes if nothing else runs here")
        with mock.patch("os.cpu_count", return_value=2):
            said = check.outlook(suites, Kernels([self.kernel]), 2)
        self.assertRegex(said, "about 10 minutes .* about 6 minutes of it "
                         "for kernels that are built once: arm64 k$")


class CasesTest(unittest.TestCase):
    """cases.pieces, and which suite runs which cases"""

    @staticmethod
    def of(count, **words):
        """So many cases of one host."""
        host = cases.Host(**words)
        return [cases.Case(f"{host}-{i}", "", host=host)
                for i in range(count)]

    def pieces(self, found, native_host=False):
        """The pieces of these cases, which must be all of them."""
        with mock.patch.object(cases, "native_host",
                               lambda _: native_host):
            got = cases.pieces(found)
        self.assertCountEqual([case.name for piece in got for case in piece],
                              [case.name for case in found])
        for piece in got:
            self.assertEqual(len({case.host for case in piece}), 1)
        return [len(piece) for piece in got]

    def test_many_cases_of_a_host_are_shared_out(self):
        size = cases.PIECE
        self.assertEqual(self.pieces(self.of(size)), [size])
        self.assertEqual(self.pieces(self.of(size + 1)),
                         [size // 2 + 1, size // 2])
        self.assertEqual(self.pieces(self.of(2) + self.of(size, page="64k")),
                         [size, 2])

    def test_this_machine_is_one_host(self):
        self.assertEqual(self.pieces(self.of(50), native_host=True), [50])

    def test_cases_that_no_suite_runs_are_an_error(self):
        context = Context(quiet_report())
        found = self.of(1) + [cases.Case("m", "", host=cases.mips_host())]
        with mock.patch.object(labsuites, "_load", lambda _: found), \
                mock.patch.object(labsuites, "call",
                                  return_value=process.Ended(0, "")), \
                self.assertRaisesRegex(Failure, "tests/x: .* mips$"):
            labsuites.case_suite(context, "x", find_arch("arm64"), ["arm64"])


class ProcessTest(unittest.TestCase):
    """process.call"""

    def test_status_and_text_are_kept(self):
        ended = process.call(["sh", "-c", "echo a; echo b >&2; exit 3"],
                             limit=10)
        self.assertEqual((ended.status, ended.text), (3, "a\nb\n"))
        self.assertFalse(ended.good)

    def test_time_limit_ends_it_with_its_children(self):
        ended = process.call(["sh", "-c", "echo $$; sleep 60 & wait"],
                             limit=0.5)
        self.assertTrue(ended.late)
        self.assertFalse(ended.good)

    def test_missing_program_is_named(self):
        with self.assertRaisesRegex(Failure, "nosuchprogram"):
            process.call(["nosuchprogram"], limit=1)

    def told_to_end(self, when, run):
        """Runs something, and is told to end once `when` is true."""
        def tell():
            while not when():
                time.sleep(0.01)
            os.kill(os.getpid(), signal.SIGALRM)

        before = signal.signal(signal.SIGALRM, lambda *_: sys.exit(1))
        try:
            threading.Thread(target=tell, daemon=True).start()
            with self.assertRaises(SystemExit):
                run()
        finally:
            signal.signal(signal.SIGALRM, before)
            process._told_to_end = False

    def test_told_to_end_it_waits_for_nobody(self):
        ended = []

        def run(_item):
            ended.append(process.call(["sleep", "1000"], limit=1000))

        self.told_to_end(lambda: process._running,
                         lambda: process.at_once(1, run, range(3)))
        self.assertEqual([end.status for end in ended], [-signal.SIGTERM])

    def test_told_to_end_it_asks_the_program_first(self):
        with tempfile.TemporaryDirectory() as folder:
            self.told_to_end((Path(folder) / "ready").exists,
                             lambda: process.call(asked(folder), limit=1000))
            self.assertTrue((Path(folder) / "asked").exists())

    def test_told_to_end_while_a_program_starts_it_ends_that_one(self):
        start = process.subprocess.Popen
        told = threading.Event()

        def slow_start(*words, **more):
            child = start(*words, **more)
            told.set()
            time.sleep(1)  # Longer than the signal takes to come.
            return child

        with tempfile.TemporaryDirectory() as folder, \
                mock.patch.object(process.subprocess, "Popen", slow_start):
            self.told_to_end(
                lambda: told.is_set() and (Path(folder) / "ready").exists(),
                lambda: process.call(asked(folder), limit=1000))
            self.assertTrue((Path(folder) / "asked").exists())

    def test_told_to_end_it_starts_nothing_more(self):
        started = []

        def run(_item):
            process.call(["sleep", "1000"], limit=1000)
            started.append(process.call(["true"], limit=1000))

        self.told_to_end(lambda: process._running,
                         lambda: process.at_once(1, run, range(3)))
        self.assertEqual(started, [])


if __name__ == "__main__":
    unittest.main()
