"""How a lab run ends, with a program in the emulator's place."""

import contextlib
import io
import sys
import unittest

from vmmtools.channel import HEAD, MAGIC
from vmmtools.session import Session

HOST = """
import os, sys, time
os.write(int(sys.argv[2]), bytes.fromhex(sys.argv[3]))
os.write(int(sys.argv[1]), b"last words\\n")
time.sleep(float(sys.argv[4]))
"""
"""Sends bytes to the channel and text to the console, and lives for a while."""


def run(sent, *, timeout=100, seconds=0):
    """A run of a host that sends `sent`: the status, and what was said."""
    session = Session(interactive=False, timeout=timeout, log=None)

    def command(console, port):
        return [sys.executable, "-c", HOST, str(console), str(port),
                sent.hex(), str(seconds)]

    said = io.StringIO()
    real = sys.stderr
    with contextlib.redirect_stderr(said):
        said.fileno = real.fileno
        status = session.run(command, False, [])
    return status, said.getvalue()


def told(status):
    """The frames of a command that ended with a status."""
    return MAGIC + HEAD.pack(b"x", 1) + bytes([status])


class EndTest(unittest.TestCase):
    """Session.run"""

    def test_command_s_own_status_is_passed_on_in_silence(self):
        for status in (0, 1, 124, 125, 137):
            self.assertEqual(run(told(status), seconds=100), (status, ""))

    def test_time_limit_is_told(self):
        status, said = run(MAGIC, timeout=0.5, seconds=100)
        self.assertEqual(status, 124)
        self.assertIn("time limit of 0.5 s passed", said)

    def test_host_that_tells_no_status_is_told_with_its_last_words(self):
        status, said = run(MAGIC)
        self.assertEqual(status, 125)
        self.assertIn("the host ended without telling a status", said)
        self.assertIn("  last words\n", said)


if __name__ == "__main__":
    unittest.main()
