#!/usr/bin/env python3
"""tests/cli/test_pause.py - vmm pause and resume, against a pretended guest.

Usage: test_pause.py PROGRAM ROOT, as tests/cli/test_client.py.
"""

import json
import os
import pathlib
import sys
import unittest

import test_client
from test_client import ClientTest


class Pause(ClientTest):
    def test_pause_and_resume_say_one_command(self):
        machine = self.machine("web")
        self.assertEqual(self.well("pause", "web"), "")
        self.assertEqual(self.well("resume", "web"), "")
        self.assertEqual(machine.heard, ["qmp_capabilities", "stop",
                                         "qmp_capabilities", "cont"])

    def test_json_tells_what_the_machine_is_now(self):
        for command, status in (("pause", "paused"), ("resume", "running")):
            machine = self.machine("web", answers={
                "query-status": {"running": status[0] == "r",
                                 "status": status}})
            self.assertEqual(json.loads(self.well(command, "--json", "web")),
                             {"name": "web", "pid": os.getpid(),
                              "status": status})
            machine.close()
            machine.path.unlink()

    def test_what_is_no_status_is_refused(self):
        self.machine("web", answers={"query-status": {}})
        self.refused("web: unexpected reply", "pause", "--json", "web",
                     status=1)

    def test_they_wait_as_long_as_they_are_told(self):
        self.machine("web", silent=("stop", "cont"))
        self.machine("mute", first=b"")
        for command, done in (("pause", "paused"), ("resume", "gone on")):
            self.refused(f"web: has not {done} in 2s, but may yet", command,
                         "--timeout=2s", "web", status=1)
            self.refused("mute: does not answer", command, "--timeout=200ms",
                         "mute", status=1)
            self.refused("--timeout 0: longer than nothing", command,
                         "--timeout=0", "web")


if __name__ == "__main__":
    test_client.PROGRAM = sys.argv[1]
    test_client.ROOT = pathlib.Path(sys.argv[2])
    unittest.main(argv=sys.argv[:1])
