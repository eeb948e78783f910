"""tools/lab keeps its promises: output, status, limits, nothing left."""

import os
import pty
import signal
import subprocess
import tempfile
import termios
import time
import unittest
from pathlib import Path

from vmmtools.arch import find_arch
from vmmtools.base import SOURCE_ROOT
from vmmtools.images import find_kernel

LAB = str(SOURCE_ROOT / "tools/lab")
ARM64 = find_arch("arm64")
MIPS = find_arch("mips")


def lab_words(*command, options=(), arch=ARM64):
    """The command line of a lab run."""
    return [LAB, arch.name, *options, "--", *command]


def lab(*command, options=(), arch=ARM64, **more):
    """Runs a command in the lab: its status, stdout and stderr."""
    done = subprocess.run(lab_words(*command, options=options, arch=arch),
                          stdin=more.pop("stdin", subprocess.DEVNULL),
                          stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          check=False, timeout=300, **more)
    return done.returncode, done.stdout, done.stderr


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


class CommandTest(unittest.TestCase):
    """A command's output and status"""

    arch = ARM64
    much = 300000

    def lab(self, *command, **more):
        """Runs a command on this class's kind of host."""
        return lab(*command, arch=self.arch, **more)

    def test_words_output_and_status_are_passed_on_exactly(self):
        self.assertEqual(
            self.lab("sh", "-c",
                     'printf "%s|" "$@"; printf "err\\n" >&2; exit 7',
                     "sh", "a  b", "", "'\"$x\\", "\n"),
            (7, b"a  b||'\"$x\\|\n|", b"err\n"))

    def test_there_is_kvm_and_what_guests_are_made_of(self):
        status, out, _ = self.lab("ls", "/dev/kvm",
                                  f"/guest/{self.arch.kernel_name}",
                                  "/guest/initrd", "/guest/bench.cpio",
                                  "/bin/vmm")
        self.assertEqual((status, len(out.splitlines())), (0, 5))

    def test_no_byte_of_much_output_is_lost(self):
        end = self.much
        _, out, _ = self.lab("sh", "-c",
                             f"seq {end}; seq {end} >&2; sleep 99 &")
        self.assertEqual(out, b"".join(b"%d\n" % n
                                       for n in range(1, end + 1)))

    def test_missing_command_is_127(self):
        status, _, err = self.lab("no-such-command")
        self.assertEqual(status, 127)
        self.assertIn(b"no-such-command", err)

    def test_command_ended_by_a_signal_is_128_and_its_number(self):
        self.assertEqual(self.lab("sh", "-c", "kill -KILL $$")[0], 137)

    def test_files_are_there_with_their_modes(self):
        with tempfile.TemporaryDirectory() as folder:
            script = Path(folder) / "script"
            script.write_text("#!/bin/sh\necho $0 from $PWD\n")
            script.chmod(0o755)
            self.assertEqual(
                self.lab("./script", options=["--file", str(script)])[1],
                b"./script from /lab\n")
            self.assertEqual(
                self.lab("/a/folder/script",
                         options=["--file", f"{folder}:/a/folder"])[1],
                b"/a/folder/script from /lab\n")

    def test_input_has_an_end(self):
        with tempfile.TemporaryFile() as file:
            data = os.urandom(self.much * 3)
            file.write(data)
            file.seek(0)
            status, out, _ = self.lab("cat", options=["-i"], stdin=file)
            self.assertEqual((status, out), (0, data))


class MipsCommandTest(CommandTest):
    """The same on a MIPS host, whose channel is a serial port"""

    arch = MIPS
    much = 30000

    def test_pages_of_both_sizes(self):
        for page in (4, 16):
            self.assertEqual(
                self.lab("sh", "-c", "grep -m 1 KernelPageSize "
                         "/proc/self/smaps",
                         options=["--page", f"{page}k"])[1].split(),
                [b"KernelPageSize:", b"%d" % page, b"kB"])


class ConsoleTest(unittest.TestCase):
    """The channel over the serial console"""

    def test_counted_runs_are_the_same(self):
        runs = [lab("sh", "-c", "cat /proc/uptime; exit 3",
                    options=["--icount"]) for _ in range(2)]
        self.assertEqual(runs[0], runs[1])
        self.assertEqual(runs[0][0], 3)

    def test_counted_runs_of_mips_are_the_same(self):
        runs = [lab("sh", "-c", "cat /proc/uptime; exit 3", arch=MIPS,
                    options=["--icount"]) for _ in range(2)]
        self.assertEqual(runs[0], runs[1])
        self.assertEqual(runs[0][0], 3)

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
                               options=["--timeout", "10"])
        self.assertEqual((status, out), (124, b"started\n"))
        self.assertIn(b"10 s", err)

    def test_host_that_ends_by_itself_is_125(self):
        status, _, err = lab("poweroff", "-f")
        self.assertEqual(status, 125)
        self.assertIn(b"Power down", err)

    def test_mips_host_that_ends_by_itself_is_125(self):
        status, _, err = lab("reboot", "-f", arch=MIPS)
        self.assertEqual(status, 125)
        self.assertIn(b"reboot: Restarting system", err)

    def test_emulator_that_crashes_is_named(self):
        with subprocess.Popen(lab_words("sleep", "1000"),
                              stdin=subprocess.DEVNULL,
                              stderr=subprocess.PIPE) as process:
            wait_until(lambda: emulators(process.pid))
            for path in emulators(process.pid):
                os.kill(int(path.name), signal.SIGSEGV)
            _, err = process.communicate(timeout=60)
        self.assertEqual(process.returncode, 125)
        self.assertIn(b"qemu-system-aarch64: ended by SIGSEGV", err)

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


class TerminalTest(unittest.TestCase):
    """tools/lab -i on a terminal"""

    arch = ARM64

    def test_command_has_a_terminal_of_our_size_and_ours_is_restored(self):
        near, far = pty.openpty()
        try:
            termios.tcsetwinsize(far, (33, 101))
            before = termios.tcgetattr(far)
            with subprocess.Popen(
                    lab_words("sh", "-c", "read go; stty size; exit 5",
                              options=["-i", "--timeout", "100"],
                              arch=self.arch),
                    stdin=far, stdout=subprocess.PIPE,
                    stderr=subprocess.STDOUT) as process:
                os.write(near, b"go\r")
                out = process.stdout.read()
                self.assertEqual(process.wait(), 5)
            self.assertTrue(out.endswith(b"33 101\r\n"), out)
            self.assertEqual(termios.tcgetattr(far), before)
        finally:
            os.close(near)
            os.close(far)


class MipsTerminalTest(TerminalTest):
    """The same on a MIPS host"""

    arch = MIPS


if __name__ == "__main__":
    unittest.main()
