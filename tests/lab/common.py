"""What the tests of tools/lab have in common, on whatever host."""

import os
import pty
import subprocess
import tempfile
import termios
from pathlib import Path

from vmmtools.arch import find_arch
from vmmtools.base import SOURCE_ROOT

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


class CommandTests:
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


class CountedTests:
    """A run whose instructions are counted"""

    arch = ARM64

    def test_counted_runs_are_the_same(self):
        runs = [lab("sh", "-c", "cat /proc/uptime; exit 3", arch=self.arch,
                    options=["--icount"]) for _ in range(2)]
        self.assertEqual(runs[0], runs[1])
        self.assertEqual(runs[0][0], 3)


class TerminalTests:
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
