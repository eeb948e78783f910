#!/usr/bin/env python3
"""tests/cli/test_disk.py - vmm disk, and how it is completed.

Usage: test_disk.py PROGRAM ROOT. PROGRAM is vmm; the guests are pretended, as in
test_client.py. Real ones are in tests/boot/disks.py.
"""

import json
import os
import pathlib
import subprocess
import sys
import unittest

import test_client

NO_SIZE = test_client.NO_SIZE


def disk(number, size, ro=False, path="an image", **more):
    """What a machine says of a disk."""
    return {"device": f"disk{number}", "type": "unknown", "removable": False,
            "locked": False, "inserted": {
                "file": path, "ro": ro, "drv": "raw", **more,
                "image": {"filename": path, "format": "raw",
                          "virtual-size": size}}}


ONE = [disk(0, 2 << 30)]
TWO = ONE + [disk(1, 5 * 512, True, "\x1b[1mbold")]


class Disk(test_client.ClientTest):
    def test_it_lists_the_disks(self):
        self.machine("web", answers={"query-block": TWO})
        self.assertEqual(self.well("disk", "web").splitlines(), [
            "DISK            SIZE  MODE  FILE",
            "disk0             2G  rw    an image",
            "disk1           2560  ro    ?[1mbold"])
        self.machine("lab", answers={"query-block": [
            disk(0, 4096, **{"x-vmm-temp": True})]})
        self.assertIn("disk0             4K  temp  an image",
                      self.well("disk", "lab"))
        self.assertEqual(json.loads(self.well("disk", "web", "--json")), TWO)

    def test_what_is_unexpected_is_told(self):
        for said in ({}, [1], [{"device": "disk0"}],
                     [disk(0, "large")], [{**ONE[0], "device": 3}]):
            machine = self.machine(f"m{len(str(said))}",
                                   answers={"query-block": said})
            name = pathlib.Path(machine.path).stem
            for words in ((), ("resize", "2G")):
                self.refused(f"{name}: says of its disks what is unexpected",
                             "disk", name, *words, status=1)

    def test_a_size_is_asked_for_in_bytes(self):
        machine = self.machine("web", answers={"query-block": TWO,
                                               "block_resize": {}})
        for words, size in ((("disk1", "20G"), 20 << 30),
                            (("disk1", "256"), 256 << 20),
                            (("disk1", "4096B"), 4096),
                            (("--auto", "disk1"), None),
                            (("disk1", "-a"), None)):
            self.assertEqual(self.well("disk", "web", "resize", *words), "")
            self.assertEqual(machine.arguments, {
                "device": "disk1", **({"size": size} if size else {})})
        self.assertNotIn("query-block", machine.heard)

    def test_the_only_disk_needs_no_name(self):
        machine = self.machine("web", answers={"query-block": ONE,
                                               "block_resize": {}})
        self.well("disk", "web", "resize", "3G")
        self.assertEqual(machine.arguments, {"device": "disk0",
                                             "size": 3 << 30})
        self.well("disk", "-n", "web", "resize", "--auto")
        self.assertEqual(machine.arguments, {"device": "disk0"})
        self.machine("two", answers={"query-block": TWO})
        self.refused("two has 2 disks: 'vmm disk' lists them, and resize "
                     "needs one's name", "disk", "two", "resize", "3G")
        self.machine("none", answers={"query-block": []})
        self.refused("none has no disk", "disk", "none", "resize", "--auto",
                     status=1)

    def test_words_that_mean_nothing_are_refused(self):
        for words, why in (
                (("grow",), "'grow': a disk can be told to 'resize'"),
                (("resize",), "resize needs a SIZE, as in 20G, or --auto"),
                (("resize", "disk0", "x"), f"'x': {NO_SIZE}"),
                (("resize", "disk0"), f"'disk0': {NO_SIZE}"),
                (("resize", "9000P"), "'9000P': too large"),
                (("resize", "disk0", "1G", "2G"),
                 "'2G': a disk and a size are all"),
                (("resize", "disk0", "1G", "--auto"),
                 "'1G': only one of SIZE and --auto is taken"),
                (("--auto",), "--auto: only for 'resize'")):
            self.refused(why, "disk", "web", *words)

    def test_the_machines_refusal_is_told(self):
        self.machine("web", answers={"block_resize": (
            b'{"error": {"class": "GenericError", "desc": '
            b'"disk0: i: cannot shrink"}}')})
        self.refused("web: disk0: i: cannot shrink", "disk", "web", "resize",
                     "disk0", "1G", status=1)


class Completion(test_client.ClientTest):
    def offered(self, *words):
        """What bash offers behind `vmm disk WORDS`."""
        line = [test_client.PROGRAM, "disk", *words]
        script = (f". {test_client.ROOT}/docs/vmm.bash; COMP_WORDS=(\"$@\"); "
                  f"COMP_CWORD={len(line) - 1}; _vmm; "
                  "printf '%s\\n' \"${COMPREPLY[@]}\"")
        done = subprocess.run(
            ["bash", "-c", script, "bash", *line], capture_output=True,
            text=True, timeout=60, check=True,
            env={**os.environ, "XDG_RUNTIME_DIR": str(self.folder)})
        return done.stdout.split()

    def test_names_then_the_word_then_the_disks_are_offered(self):
        self.machine("web", answers={"query-block": TWO})
        self.assertEqual(self.offered("w"), ["web"])
        self.assertEqual(self.offered("web", ""), ["resize"])
        self.assertEqual(self.offered("web", "resize", ""),
                         ["disk0", "disk1"])
        self.assertEqual(self.offered("web", "resize", "--a"), ["--auto"])


if __name__ == "__main__":
    test_client.PROGRAM, test_client.ROOT = sys.argv[1:3]
    unittest.main(argv=sys.argv[:1])
