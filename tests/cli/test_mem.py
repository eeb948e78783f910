#!/usr/bin/env python3
"""tests/cli/test_mem.py - vmm mem, against a pretended guest.

Usage: test_mem.py PROGRAM ROOT, as tests/cli/test_client.py.
"""

import fcntl
import json
import os
import pathlib
import pty
import re
import signal
import struct
import subprocess
import sys
import termios
import unittest
from xml.etree import ElementTree

import test_client

def region(name, kind, start, size, slot=None, **more):
    """A region as x-vmm-query-memory tells of it."""
    told = {"name": name, "kind": kind, "start": start, "size": size}
    if slot is not None:
        told.update({"slot": slot, "read-only": kind == "rom",
                     "dirty-log": False, "backing": {
                         "source": "anon", "huge": "auto", **more}})
    return told


RAM = 2 << 30
MEMORY = [region("flash", "rom", 0, 64 << 20, 0), region(
    "mmio", "reserved", 64 << 20, 16 << 20), region(
        "ram", "ram", RAM, 512 << 30, 1, merge=True)]
MEMORY[2].update({"merged": 512 << 10, "dirty": 3 << 20, "dirty-time": 500,
                  "dirty-age": 90000})


def residency(asked):
    """A huge page at each multiple of 64 GiB; half of what is asked for."""
    size = asked["size"] if asked["size"] <= 4 << 20 else asked["size"] // 2
    cells = [{"start": at, "resident": 2 << 20, "huge": 2 << 20, "zero": 4096,
              "swapped": 0, "ballooned": 8192}
             for at in range(0, RAM + (512 << 30), 64 << 30)
             if asked["start"] <= at < asked["start"] + size]
    return {"start": asked["start"], "size": size, "cells": cells,
            "merged": 1 << 20}


def rates(asked):
    """A measurement that is over at once, and the event that tells of it."""
    said = {"status": "measured", "calc-time": asked["calc-time"],
            "x-vmm-page-size": 4096, "x-vmm-pages": 768, "x-vmm-regions": [
                {"name": "ram", "start": RAM, "pages": 512},
                {"name": "shared", "start": 0, "pages": 256}],
            "vcpu-dirty-rate": [{"id": 3, "x-vmm-pages": 700}]}
    return events({"return": {}}, {**test_client.EVENT, "data": said,
                                   "event": "X_VMM_DIRTY_RATE"})


def events(*messages):
    """What a machine says, as it is on the wire."""
    return b"".join(json.dumps(message).encode() + b"\r\n"
                    for message in messages)


class Memory(test_client.ClientTest):
    def machine(self, name, **how):
        """One that tells of its memory."""
        answers = {"x-vmm-query-memory": MEMORY,
                   "x-vmm-query-residency": residency,
                   **how.get("answers", {})}
        return super().machine(name, **{**how, "answers": answers})

    def test_the_table_has_each_region_and_what_is_resident(self):
        self.machine("web")
        rows = [line.split() for line in self.well("mem", "web").splitlines()]
        self.assertEqual(rows[1:], [
            ["0x0000000000", "64M", "rom", "flash", "0", "ro", "2M", "2M",
             "-", "4K", "0", "8K", "-", "anon"],
            ["0x0004000000", "16M", "reserved", "mmio"],
            ["0x0080000000", "512G", "ram", "ram", "1", "rw", "16M", "16M",
             "512K", "32K", "0", "64K", "3M", "anon,merge"],
            ["all", "18M", "18M", "512K", "36K", "0", "72K", "3M", "1M", "of",
             "it", "merged", "by", "KSM"],
            "dirty: what changed within 0.50 s, 90.0 s ago "
            "(--dirty-rate)".split()])

    def test_the_dirty_rate_is_told_by_region_and_vcpu(self):
        machine = self.machine("web", answers={"calc-dirty-rate": rates})
        rows = [line.split() for line in self.well(
            "mem", "web", "--dirty-rate", "500ms").splitlines()]
        self.assertEqual(machine.arguments, {
            "calc-time": 500, "calc-time-unit": "millisecond"})
        self.assertEqual(rows, [
            ["0x80000000", "ram", "512", "pages/s", "2.0", "MiB/s"],
            ["0x0", "shared", "256", "pages/s", "1.0", "MiB/s"],
            ["vcpu", "3", "700", "pages/s", "2.7", "MiB/s"],
            ["all", "768", "pages/s", "3.0", "MiB/s"]])
        for words, ms in ((["--dirty-rate", "web"], 1000), (
                ["--dirty-rate=2", "web"], 2000)):
            told = json.loads(self.well("mem", "--json", *words))
            self.assertEqual((told["name"], told["calc-time"]), ("web", ms))

    def test_what_a_terminal_would_act_on_is_not_printed(self):
        self.machine("web", answers={"calc-dirty-rate": lambda _: events(
            {"return": {}}, {**test_client.EVENT, "event": "X_VMM_DIRTY_RATE",
                             "data": {"x-vmm-regions": [
                                 {"name": "\33[31m"}, {"pages": 1}]}})})
        text = self.well("mem", "web", "--dirty-rate")
        self.assertIn(" ?[31m ", text)
        self.assertIn(" ? ", text)

    def test_a_dirty_rate_that_cannot_be_measured_is_refused(self):
        self.machine("web", answers={"calc-dirty-rate": lambda _: events(
            {"return": {}}, {**test_client.EVENT, "event": "X_VMM_DIRTY_RATE",
                             "data": {"x-vmm-error": "no log"}})})
        for words, status, sentence in (
                (["--dirty-rate"], 1, "web: no log"),
                (["--dirty-rate", "0"], 2, "'0': from 50ms to 60s"),
                (["--dirty-rate=61"], 2, "--dirty-rate 61: from 50ms to 60s"),
                (["--dirty-rate=x"], 2, "--dirty-rate x: not a duration, as "
                 "in 2 or 500ms"),
                (["2"], 2, "'2': one virtual machine at a time"),
                (["--dirty-rate", "--map"], 2,
                 "--dirty-rate is not drawn, and not watched")):
            done = self.vmm("mem", "web", *words)
            self.assertEqual((done.returncode, done.stderr), (
                status, f"Fatal: {sentence}\n"))

    def test_a_machine_that_drops_us_says_why(self):
        self.machine("web", answers={"calc-dirty-rate": lambda _: events(
            {"return": {}}, test_client.DROPPED)})
        self.refused("web: too many clients", "mem", "web", "--dirty-rate",
                     status=1)

    def test_a_map_of_512_gib_is_as_short_as_any(self):
        self.machine("web")
        text = self.well("mem", "--map", "web")
        self.assertNotIn("\033", text)
        lines = text.splitlines()
        self.assertLess(len(lines), 28)
        self.assertLessEqual(max(len(line) for line in lines), 80)
        self.assertIn("              (1.9G of nothing)", lines)
        self.assertEqual(sum(line.count("h") for line in lines
                             if line.startswith("0x") and "'" not in line), 9)
        self.assertEqual(lines[-2][:24], "one cell is 512M; a smal")

    def test_the_map_is_as_wide_as_the_terminal_and_coloured(self):
        self.machine("web")
        for columns, row, env in ((200, 128, {}), (40, 16, {"NO_COLOR": "1"})):
            text = self.on_terminal(columns, env, "mem", "--map", "web")
            self.assertEqual("\033[" in text, not env)
            plain = re.sub(r"\033\[[0-9;]*m", "", text)
            self.assertRegex(plain, rf"(?m)^0x\w+  [.h]{{{row}}}\r$")

    def on_terminal(self, columns, env, *words):
        """What vmm prints on a terminal so wide."""
        ours, theirs = pty.openpty()
        self.addCleanup(os.close, ours)
        fcntl.ioctl(theirs, termios.TIOCSWINSZ,
                    struct.pack("HHHH", 24, columns, 0, 0))
        clean = {k: v for k, v in os.environ.items() if k != "NO_COLOR"}
        with subprocess.Popen(
                [test_client.PROGRAM, *words], stdout=theirs, env={
                    **clean, **env, "XDG_RUNTIME_DIR": str(self.folder)}
        ) as vmm:
            os.close(theirs)
            text = b""
            try:
                while part := os.read(ours, 65536):
                    text += part
            except OSError:  # it was the last to have it open
                pass
        self.assertEqual(vmm.returncode, 0)
        return text.decode()

    def test_the_picture_is_xml_and_replaces_the_file(self):
        self.machine("web")
        path = self.folder / "a.svg"
        path.write_text("old")
        self.assertEqual(self.well("mem", "--svg", str(path), "web"), "")
        root = ElementTree.parse(path).getroot()
        text = [e.text for e in root.iter("{http://www.w3.org/2000/svg}text")]
        self.assertIn("Memory of web", text)
        self.assertIn("512G ram 'ram', slot 1, rw, anon,merge: 16M resident, "
                      "16M huge, 512K merged, 32K zero, 64K ballooned", text)
        self.assertEqual(sorted(os.listdir(self.folder)), ["a.svg", "vmm"])
        self.refused("/no/a.svg: No such file or directory", "mem", "--svg",
                     "/no/a.svg", "web")

    def test_json_is_what_the_machine_says_with_the_sums(self):
        self.machine("web")
        found = json.loads(self.well("mem", "--json", "web"))
        self.assertEqual((found["name"], found["pid"], found["merged"]),
                         ("web", os.getpid(), 1 << 20))
        ram = found["regions"][2]
        self.assertEqual(ram.pop("residency"), {
            "resident": 16 << 20, "huge": 16 << 20, "zero": 32 << 10,
            "swapped": 0, "ballooned": 64 << 10})
        self.assertEqual(ram, MEMORY[2])
        self.assertEqual(found["regions"][1], MEMORY[1])

    def test_one_that_says_nonsense_is_told(self):
        sentence = "web: unexpected reply about its memory"
        for answers in ({"x-vmm-query-memory": {}},
                        {"x-vmm-query-residency": {"size": 0, "cells": []}}):
            machine = self.machine("web", answers=answers)
            self.refused(sentence, "mem", "web", status=1)
            machine.close()
            machine.path.unlink()

    def test_words_that_contradict_are_refused(self):
        self.refused("--map and --json: one of the two", "mem", "--map",
                     "--json", "web")
        self.refused("--interval 0: longer than nothing", "mem", "web",
                     "--interval", "0")

    def test_a_watch_ends_with_the_guest_and_says_so(self):
        self.machine("web", third="x-vmm-query-memory")
        done = self.vmm("mem", "--json", "--interval", "10ms", "web")
        self.assertEqual((done.returncode, done.stderr),
                         (0, "web: has ended\n"))
        lines = done.stdout.splitlines()
        self.assertEqual(len(lines), 2)
        for line in lines:
            self.assertEqual(json.loads(line)["name"], "web")

    def test_a_watch_that_is_dropped_says_why(self):
        self.machine("web", answers={
            "x-vmm-query-memory": MEMORY[2:],
            "x-vmm-query-residency": lambda asked: events(
                {"return": {**asked, "cells": []}}, test_client.DROPPED)},
                     last=("x-vmm-query-residency",))
        done = self.vmm("mem", "--json", "--interval", "300ms", "web")
        self.assertEqual((done.returncode, done.stderr),
                         (1, "Fatal: web: too many clients\n"))
        self.assertEqual(len(done.stdout.splitlines()), 1)

    def test_a_watch_ends_well_by_ctrl_c(self):
        self.machine("web")
        with subprocess.Popen(
                [test_client.PROGRAM, "mem", "--watch", "web"], stdout=subprocess.PIPE,
                stderr=subprocess.PIPE, text=True,
                env={**os.environ, "XDG_RUNTIME_DIR": str(self.folder)},
        ) as watch:
            for line in watch.stdout:
                if line.startswith("all "):
                    break
            watch.send_signal(signal.SIGINT)
            self.assertEqual(watch.communicate(timeout=120), ("", ""))
            self.assertEqual(watch.returncode, 0)


if __name__ == "__main__":
    test_client.PROGRAM = sys.argv[1]
    test_client.ROOT = pathlib.Path(sys.argv[2])
    unittest.main(argv=sys.argv[:1])
