#!/usr/bin/env python3
"""tests/cli/test_version.py - vmm version, of itself and of pretended guests.

Usage: test_version.py PROGRAM ROOT, as tests/cli/test_client.py.
"""

import json
import pathlib
import sys
import unittest

import test_client
from test_client import ClientTest


class Version(ClientTest):
    def test_it_is_ours_or_the_machines(self):
        self.machine("web", answers={"query-version": {
            "qemu": {"micro": 0, "minor": 1, "major": 0},
            "package": "vmm 0.1.0\033"}})
        self.assertRegex(self.well("version"),
                         r"^vmm [0-9.]+, for fake guests\n$")
        ours = json.loads(self.well("version", "--json"))
        self.assertRegex(ours["package"], r"^vmm [0-9.]+$")
        self.assertEqual(ours["architecture"], "fake")
        self.assertEqual(self.well("version", "web"), "vmm 0.1.0?\n")
        self.assertEqual(json.loads(self.well("version", "--json", "web"))
                         ["qemu"]["minor"], 1)

    def test_what_is_no_answer_is_told(self):
        self.machine("web", answers={"query-version": {"package": 7}})
        self.refused("web: unexpected reply", "version", "web",
                     status=1)
        self.refused("unknown virtual machine 'wbe' (did you mean 'web'?)",
                     "version", "wbe")


if __name__ == "__main__":
    test_client.PROGRAM = sys.argv[1]
    test_client.ROOT = pathlib.Path(sys.argv[2])
    unittest.main(argv=sys.argv[:1])
