"""tools/lab keeps its promises: output, status, limits, nothing left."""

import os
import signal
import subprocess
import time
import unittest
from pathlib import Path

from common import (ARM64, CommandTests, CountedTests, TerminalTests, lab,
                    lab_words)
from vmmtools.images import find_kernel


def emulators(pid):
    """The emulators that `pid` has started."""
    started = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [path for path in (Path(f"/proc/{word}") for word in started)
            if path.exists() and "qemu" in (path / "comm").read_text()]


def wait_until(condition, seconds=60):
    """Waits for something that must come to pass."""
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError("it did not come to pass")
        time.sleep(0.05)


class CommandTest(CommandTests, unittest.TestCase):
    """A command's output and status"""


class ConsoleTest(CountedTests, unittest.TestCase):
    """The channel over the serial console"""

    def test_kernel_without_virtio(self):
        if not find_kernel(ARM64, "mini-64k").ready():
            self.skipTest("the kernel with 64K pages is not built")
        self.assertEqual(
            lab("sh", "-c", "echo out; echo err >&2; exit 4",
                options=["--page", "64k"]), (4, b"out\n", b"err\n"))


class EndTest(unittest.TestCase):
    """Every way a run ends"""

    def test_time_limit_is_124(self):
        status, out, err = lab("sh", "-c", "echo started; sleep 1000",
                               options=["--timeout", "30"])
        self.assertEqual((status, out), (124, b"started\n"))
        self.assertIn(b"30 s", err)

    def test_host_that_ends_by_itself_is_125(self):
        status, _, err = lab("poweroff", "-f")
        self.assertEqual(status, 125)
        self.assertIn(b"Power down", err)

    def test_emulator_that_is_killed_is_named(self):
        with subprocess.Popen(lab_words("sleep", "1000"),
                              stdin=subprocess.DEVNULL,
                              stderr=subprocess.PIPE) as process:
            wait_until(lambda: emulators(process.pid))
            for path in emulators(process.pid):
                os.kill(int(path.name), signal.SIGKILL)
            _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 125)
        self.assertIn(b"qemu-system-aarch64: ended by SIGKILL", err)

    def end_by(self, number):
        """Ends a run by a signal; its status, once the emulator is gone."""
        with subprocess.Popen(lab_words("sleep", "1000"),
                              stdin=subprocess.DEVNULL,
                              stderr=subprocess.DEVNULL) as process:
            wait_until(lambda: emulators(process.pid))
            running = emulators(process.pid)
            process.send_signal(number)
            status = process.wait(60)
        wait_until(lambda: not any(path.exists() for path in running))
        return status

    def test_emulator_ends_with_the_lab(self):
        self.assertEqual(self.end_by(signal.SIGTERM), 128 + signal.SIGTERM)

    def test_emulator_ends_with_the_killed_lab(self):
        self.assertEqual(self.end_by(signal.SIGKILL), -signal.SIGKILL)


class TerminalTest(TerminalTests, unittest.TestCase):
    """tools/lab -i on a terminal"""


if __name__ == "__main__":
    unittest.main()
