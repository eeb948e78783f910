"""What every tool does at its end."""

from __future__ import annotations

import signal
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

TOOLS = Path(__file__).resolve().parent.parent.parent / "tools"
PROGRAM = """
import signal, sys, tempfile
from vmmtools.base import tool_main

def main():
    with tempfile.TemporaryDirectory(dir=sys.argv[1]) as folder:
        print(folder, flush=True)
        signal.pause()
    return 0

tool_main(main)
"""


class ToolMainTest(unittest.TestCase):
    """tool_main()."""

    def test_what_was_made_for_the_moment_goes_when_told_to_end(self) -> None:
        with tempfile.TemporaryDirectory() as scratch, subprocess.Popen(
                [sys.executable, "-c", PROGRAM, scratch], text=True,
                stdout=subprocess.PIPE, cwd=TOOLS) as tool:
            assert tool.stdout
            folder = Path(tool.stdout.readline().strip())
            self.assertTrue(folder.is_dir())
            tool.send_signal(signal.SIGTERM)
            self.assertEqual(tool.wait(), 128 + signal.SIGTERM)
            self.assertEqual(list(Path(scratch).iterdir()), [])
