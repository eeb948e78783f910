#!/usr/bin/env python3
"""tests/cli/test_dump.py - vmm dump.

Usage: test_dump.py PROGRAM ROOT. PROGRAM is vmm; the guests are pretended, as in
test_client.py. Real ones are in tests/boot/dump.py.
"""

import json
import os
import sys
import unittest

import test_client


def ends(**data):
    """A dump that begins, and how it ends."""
    event = {"event": "DUMP_COMPLETED", "data": data,
             "timestamp": {"seconds": 1, "microseconds": 2}}
    return (b'{"return": {}}\r\n' + json.dumps(event).encode() + b"\r\n")


DONE = {"status": "completed", "completed": 3 << 20, "total": 3 << 20}


class Dump(test_client.ClientTest):
    def test_it_asks_for_a_file_by_its_whole_path(self):
        machine = self.machine("web", answers={
            "dump-guest-memory": ends(result=DONE)})
        self.assertEqual(self.well("dump", "web", "a core"),
                         "a core: 3M of memory that is not zero\n")
        self.assertEqual(machine.arguments, {
            "paging": False, "detach": True,
            "protocol": f"file:{os.getcwd()}/a core"})
        self.assertEqual(json.loads(self.well("dump", "--json", "web", "/c")),
                         DONE)
        self.assertEqual(machine.arguments["protocol"], "file:/c")

    def test_a_failure_is_told(self):
        self.machine("web", answers={"dump-guest-memory": ends(
            result={"status": "failed", "completed": 0, "total": 0},
            error="/full/core: core: No space left on device")})
        self.refused("web: /full/core: core: No space left on device",
                     "dump", "web", "/full/core", status=1)

    def test_words_that_mean_nothing_are_refused(self):
        self.refused("dump needs the name of a virtual machine ('vmm list' "
                     "tells them)", "dump")
        self.refused("a file is missing: vmm dump NAME FILE", "dump", "web")
        self.refused("'more': two words are all", "dump", "web", "core",
                     "more")


if __name__ == "__main__":
    test_client.PROGRAM, test_client.ROOT = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1])
