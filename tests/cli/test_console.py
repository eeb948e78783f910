#!/usr/bin/env python3
"""tests/cli/test_console.py - vmm console, against a pretended guest.

Usage: test_console.py PROGRAM ROOT, as tests/cli/test_client.py.
"""

import fcntl
import json
import os
import pathlib
import pty
import select
import signal
import struct
import subprocess
import sys
import termios
import time
import unittest

import test_client
from test_client import ClientTest


class Console(ClientTest):
    def resize(self, rows, columns):
        """The person changes the window."""
        fcntl.ioctl(self.theirs, termios.TIOCSWINSZ,
                    struct.pack("4H", rows, columns, 0, 0))

    def on_terminal(self, *words, stdout=None, shell=(), pass_fds=(),
                    size=(0, 0)):
        """vmm on a terminal of its own: the process, and our end of it."""
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        self.addCleanup(os.close, theirs)
        self.mode = termios.tcgetattr(theirs)
        self.theirs = theirs
        self.resize(*size)
        process = subprocess.Popen(
            [*shell, test_client.PROGRAM, *words], stdin=theirs, stderr=theirs,
            stdout=theirs if stdout is None else stdout,
            env={**os.environ, "XDG_RUNTIME_DIR": str(self.folder)},
            start_new_session=True, pass_fds=pass_fds, preexec_fn=lambda:
            shell and fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.addCleanup(process.kill)
        return process, ours

    def read_until(self, fd, wanted):
        """What is on the terminal, up to these bytes."""
        text, end = b"", time.monotonic() + 120
        while wanted not in text and time.monotonic() < end:
            if select.select([fd], [], [], 0.1)[0]:
                text += os.read(fd, 4096)
        self.assertIn(wanted, text)
        return text

    def ended(self, process, status):
        """It has ended with this status, and the terminal is as it was."""
        self.assertEqual(process.wait(120), status)
        self.assertEqual(termios.tcgetattr(self.theirs), self.mode)

    def test_a_pipe_is_passed_on_as_it_is(self):
        machine = self.machine("web")
        done = self.vmm("console", "web", input="a\x01xb\n")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout, "shown first;A\x01XB\n")
        self.assertEqual(machine.arguments, {"keys": False, "force": False})

    def test_much_goes_through_a_pipe(self):
        self.machine("web")
        text = "0123456789abcdef" * 50000
        done = self.vmm("console", "--force", "web", input=text)
        self.assertEqual(done.stdout, "shown first;" + text.upper())

    def test_log_prints_what_the_files_have(self):
        log = self.folder / "log"
        self.machine("web", answers={
            "x-vmm-query-console-log": {"file": str(log)}})
        missing = f"{log}: No such file or directory"
        self.refused(missing, "console", "--log", "web", status=1)
        log.write_bytes(b"new\xff\0\r\n")
        self.assertEqual(self.well("console", "--log", "web"),
                         "new\udcff\0\n")
        old = self.folder / "log.1"
        old.write_text("old\n" * 10000)
        self.assertEqual(self.well("console", "--log", "web"),
                         "old\n" * 10000 + "new\udcff\0\n")
        self.refused("--log prints what was said, and goes with no other "
                     "option", "console", "--log", "--once", "web")

    def test_log_waits_for_no_file_that_is_none(self):
        log = self.folder / "log"
        self.machine("web", answers={
            "x-vmm-query-console-log": {"file": str(log)}})
        os.mkfifo(log)
        self.refused(f"{log}: Invalid argument", "console", "--log", "web",
                     status=1)
        log.unlink()
        (self.folder / "log.1").write_text("half of it\n")
        self.refused(f"{log}: No such file or directory", "console", "--log",
                     "web", status=1)

    def test_a_machine_that_keeps_no_log_says_so(self):
        self.machine("web", answers={"x-vmm-query-console-log": json.dumps(
            {"error": {"class": "GenericError", "desc": "it is not kept"}}
        ).encode() + b"\r\n"})
        self.refused("web: it is not kept", "console", "--log", "web",
                     status=1)

    def test_once_asks_the_machine_to_hang_up(self):
        machine = self.machine("web")
        done = self.vmm("console", "--once", "--json", "web", input="poweroff\n")
        self.assertEqual(done.stdout, "shown first;POWEROFF\n")
        self.assertEqual(machine.arguments, {"keys": False, "force": False,
                                             "once": True})
        told = json.loads(done.stderr)
        self.assertEqual(told, {"name": "web", "pid": os.getpid(),
                                "ended": "hung-up"})

    def test_json_tells_how_it_ended(self):
        for leave, ended, status in (
                (lambda process, fd: os.write(fd, b"\x01x"), b"left", 0),
                (lambda process, fd: process.terminate(), b"signal",
                 128 + signal.SIGTERM)):
            machine = self.machine("web")
            process, fd = self.on_terminal("console", "--json", "web")
            self.read_until(fd, b"shown first;")
            leave(process, fd)
            self.read_until(fd, b'"ended": "' + ended + b'"}')
            self.ended(process, status)
            machine.close()
            machine.path.unlink()

    def test_on_a_terminal_ctrl_a_x_leaves(self):
        machine = self.machine("web")
        process, fd = self.on_terminal("console", "web")
        self.read_until(fd, b"shown first;")
        os.write(fd, b"ab\x03\x01b")
        self.read_until(fd, b"AB\x03\x01B")
        self.assertEqual(machine.arguments, {"keys": True, "force": False})
        os.write(fd, b"\x01x")
        self.ended(process, 0)
        self.assertEqual(machine.typed, b"ab\x03\x01b")

    def test_the_machine_is_told_the_size_of_the_terminal(self):
        machine = self.machine("web",
                               answers={"x-vmm-console-resize": {}})
        process, fd = self.on_terminal("console", "web", size=(30, 100))
        self.read_until(fd, b"shown first;")
        self.assertEqual(machine.arguments, {"keys": True, "force": False,
                                             "columns": 100, "rows": 30})
        self.resize(43, 132)
        process.send_signal(signal.SIGWINCH)
        end = time.monotonic() + 120
        wanted = {"columns": 132, "rows": 43}
        while machine.arguments != wanted and time.monotonic() < end:
            time.sleep(0.01)
        self.assertEqual(machine.arguments, wanted)
        self.assertEqual(machine.heard[-1], "x-vmm-console-resize")
        os.write(fd, b"\x01x")
        self.ended(process, 0)

    def test_what_was_typed_before_leaving_is_passed_on(self):
        machine = self.machine("web")
        process, fd = self.on_terminal("console", "web")
        self.read_until(fd, b"shown first;")
        os.write(fd, b"reboot\n\x01x")
        self.ended(process, 0)
        end = time.monotonic() + 120
        while machine.typed != b"reboot\n" and time.monotonic() < end:
            time.sleep(0.01)
        self.assertEqual(machine.typed, b"reboot\n")

    def test_a_reader_that_has_gone_leaves_the_terminal_as_it_was(self):
        self.machine("web")
        reader, writer = os.pipe()
        process, fd = self.on_terminal("console", "web", stdout=writer)
        os.close(writer)
        self.assertTrue(os.read(reader, 4096))
        os.close(reader)
        os.write(fd, b"more")
        self.ended(process, 128 + signal.SIGPIPE)

    def test_a_reader_that_reads_nothing_can_be_left(self):
        for leave in (lambda process, fd: os.write(fd, b"\x01x"),
                      lambda process, fd: process.terminate()):
            machine = self.machine("web")
            reader, writer = os.pipe()
            process, fd = self.on_terminal("console", "web", stdout=writer)
            os.close(writer)
            self.read_until(reader, b"shown first;")
            os.write(fd, b"?")
            full = fcntl.fcntl(reader, fcntl.F_GETPIPE_SZ)
            waits, end = bytes(4), time.monotonic() + 120
            while (int.from_bytes(waits, sys.byteorder) < full
                   and time.monotonic() < end):
                waits = fcntl.ioctl(reader, termios.FIONREAD, waits)
            os.write(fd, b"typed while it hangs")
            leave(process, fd)
            self.assertIn(process.wait(120), (0, 128 + signal.SIGTERM))
            self.assertEqual(termios.tcgetattr(self.theirs), self.mode)
            os.close(reader)
            machine.close()
            machine.path.unlink()

    def test_stopped_and_continued_it_is_raw_again(self):
        self.machine("web")
        process, fd = self.on_terminal("console", "web")
        self.read_until(fd, b"shown first;")
        raw = termios.tcgetattr(self.theirs)
        self.assertNotEqual(raw, self.mode)
        process.send_signal(signal.SIGSTOP)
        os.waitpid(process.pid, os.WUNTRACED)
        termios.tcsetattr(self.theirs, termios.TCSANOW, self.mode)
        process.send_signal(signal.SIGCONT)
        end = time.monotonic() + 120
        while (termios.tcgetattr(self.theirs) != raw
               and time.monotonic() < end):
            time.sleep(0.01)
        self.assertEqual(termios.tcgetattr(self.theirs), raw)
        os.write(fd, b"\x01x")
        self.ended(process, 0)

    def test_in_the_background_it_leaves_the_terminal_alone(self):
        machine = self.machine("web")
        reader, writer = os.pipe()
        self.addCleanup(os.close, reader)
        self.addCleanup(os.close, writer)
        # bash's fg sends no signal to a job that was not stopped.
        process, fd = self.on_terminal(
            "console", "web", pass_fds=(reader,), shell=(
                "bash", "-c", f'set -m; "$@" & read -r -u {reader}; fg; exit',
                "bash"))
        self.read_until(fd, b"shown first;")
        self.assertEqual(termios.tcgetattr(self.theirs), self.mode)
        os.write(fd, b"for the shell\n")
        self.assertEqual(os.read(self.theirs, 100), b"for the shell\n")
        os.write(writer, b"\n")
        end = time.monotonic() + 120
        while (termios.tcgetattr(self.theirs) == self.mode
               and time.monotonic() < end):
            time.sleep(0.01)
        os.write(fd, b"ab\x03")
        self.read_until(fd, b"AB\x03")
        os.write(fd, b"\x01x")
        self.ended(process, 0)
        self.assertEqual(machine.typed, b"ab\x03")
        self.assertEqual(machine.arguments, {"keys": True, "force": False})

    def test_the_end_of_the_guest_is_its_end(self):
        self.machine("web")
        process, fd = self.on_terminal("console", "-f", "web")
        self.read_until(fd, b"shown first;")
        os.write(fd, b"!")
        self.read_until(fd, b"!")
        self.ended(process, 0)

    def test_a_signal_leaves_the_terminal_as_it_was(self):
        self.machine("web")
        for number in (signal.SIGTERM, signal.SIGHUP, signal.SIGINT):
            process, fd = self.on_terminal("console", "web")
            self.read_until(fd, b"shown first;")
            process.send_signal(number)
            self.ended(process, 128 + number)


if __name__ == "__main__":
    test_client.PROGRAM = sys.argv[1]
    test_client.ROOT = pathlib.Path(sys.argv[2])
    unittest.main(argv=sys.argv[:1])
