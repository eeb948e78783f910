#!/usr/bin/env python3
"""tests/tools/test_circles.py - tests/style/circles.py finds what is wrong."""

import sys
import tempfile
import unittest
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent.parent
sys.path.insert(0, str(ROOT / "tests" / "style"))

from circles import faults  # noqa: E402  pylint: disable=wrong-import-position


def faults_of(files: dict[str, list[str]]) -> list[str]:
    """What is wrong with a tree of such files: name to what it includes."""
    with tempfile.TemporaryDirectory() as folder:
        for name, included in files.items():
            path = Path(folder, name)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text("".join(f'#include "{i}"\n' for i in included),
                            encoding="ascii")
        Path(folder, "meson.build").write_text(
            "pure += files('vmm/control/qmp.c')\n", encoding="ascii")
        return list(faults(Path(folder)))


class Circles(unittest.TestCase):
    """Files that include each other."""

    def test_a_file_and_its_own_header_are_no_circle(self) -> None:
        self.assertEqual(faults_of({"mem/a.c": ["mem/a.h", "mem/b.h"],
                                    "mem/a.h": [], "mem/b.h": []}), [])

    def test_two_headers_are_found(self) -> None:
        self.assertEqual(
            len(faults_of({"mem/a.h": ["mem/b.h"], "mem/b.h": ["mem/a.h"]})),
            1)

    def test_a_circle_that_closes_in_the_c_files_is_found(self) -> None:
        found = faults_of({"mem/a.h": [], "mem/a.c": ["mem/a.h", "mem/b.h"],
                           "mem/b.h": ["mem/c.h"], "mem/c.h": [],
                           "mem/c.c": ["mem/c.h", "mem/a.h"]})
        self.assertEqual(len(found), 1)
        for name in ("mem/a", "mem/b", "mem/c"):
            self.assertIn(name, found[0])

    def test_each_of_two_circles_is_found(self) -> None:
        found = faults_of({"mem/a.h": ["mem/b.h"], "mem/b.h": ["mem/a.h"],
                           "host/c.h": ["host/d.h"], "host/d.h": ["host/c.h"]})
        self.assertEqual(len(found), 2)


class Rooms(unittest.TestCase):
    """The rooms of vmm/."""

    def test_a_room_may_include_those_below_it(self) -> None:
        self.assertEqual(faults_of({
            "vmm/kvm/vm.c": ["vmm/machine/machine.h", "vmm/config.h",
                             "arch/arch.h", "base/err.h"],
            "vmm/run.c": ["vmm/kvm/vm.h", "vmm/control/control.h"]}), [])

    def test_a_room_may_not_include_one_above_it(self) -> None:
        found = faults_of({"vmm/boot/tree.c": ["vmm/kvm/vm.h"]})
        self.assertEqual(found,
                         ['vmm/boot/tree: "vmm/kvm/vm.h" is not below boot'])

    def test_a_room_may_not_include_what_is_above_all_rooms(self) -> None:
        self.assertEqual(len(faults_of({"vmm/kvm/vm.c": ["vmm/run.h"]})), 1)

    def test_the_floor_knows_no_room(self) -> None:
        self.assertEqual(
            len(faults_of({"vmm/config.h": ["vmm/kvm/vm.h"]})), 1)

    def test_a_client_knows_the_protocol_alone(self) -> None:
        self.assertEqual(faults_of({
            "vmm/control/qmp.c": [],
            "vmm/client/stop.c": ["vmm/control/qmp.h"]}), [])
        self.assertEqual(
            len(faults_of({"vmm/client/stop.c": ["vmm/control/control.h"]})),
            1)

    def test_a_new_room_must_be_named(self) -> None:
        self.assertEqual(len(faults_of({"vmm/attic/x.c": []})), 1)


if __name__ == "__main__":
    unittest.main()
