#!/usr/bin/env python3
"""tests/cli/test_kvmtool.py - kvmtool's words of the commands for guests.

Usage: test_kvmtool.py PROGRAM ROOT, as tests/cli/test_client.py.
"""

import json
import pathlib
import re
import sys
import unittest

import test_client

MIB = 1 << 20


class Names(test_client.ClientTest):
    def test_a_name_behind_an_option_is_that_name(self):
        # The pretended machine does not end: stop waits for it as told.
        stop = ("stop", "--force", "--timeout", "50ms")
        for words in (stop, ("pause",), ("resume",), ("stat",)):
            for option in (("-n", "web"), ("-nweb",), ("--name", "web")):
                web, other = self.machine("web"), self.machine("db")
                self.assertEqual(self.vmm(*words, *option).returncode,
                                 1 if words == stop else 0)
                self.assertIn("qmp_capabilities", web.heard)
                self.assertEqual(other.heard, [])
                for machine in (web, other):
                    machine.close()
                    machine.path.unlink()

    def test_a_name_is_given_once(self):
        self.refused("-n db: 'db': one virtual machine at a time", "stop",
                     "web", "-n", "db")
        self.refused("--all: 'web' is a virtual machine alone", "stop", "-a",
                     "-n", "web")


class All(test_client.ClientTest):
    def test_all_are_told_and_the_dead_left_out(self):
        web, db = self.machine("web"), self.machine("db")
        self.machine("dead").close()
        for words, heard in ((("pause", "-a"), "stop"),
                             (("resume", "--all"), "cont"),
                             (("stop", "-a", "-f", "--timeout", "50ms"),
                              "quit")):
            self.vmm(*words)
            for machine in (web, db):
                self.assertEqual(machine.heard[-1], heard)

    def test_one_that_refuses_hides_no_other(self):
        refusal = json.dumps({"error": {"class": "GenericError",
                                        "desc": "no"}}).encode() + b"\r\n"
        a = self.machine("a", answers={"stop": refusal})
        b = self.machine("b", answers={"stop": refusal})
        c = self.machine("c")
        done = self.vmm("pause", "-a")
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stderr, "b: no\n.*Fatal: a: no\n$")
        for machine in (a, b, c):
            self.assertEqual(machine.heard[-1], "stop")

    def test_nobody_there_is_no_error(self):
        self.assertEqual(self.well("pause", "--all"), "")

    def test_stat_tells_of_each(self):
        self.machine("web")
        self.machine("db")
        lines = self.well("stat", "-m", "--all", "--json").splitlines()
        self.assertEqual([json.loads(line)["name"] for line in lines],
                         ["db", "web"])
        self.refused("--watch: it takes one virtual machine", "stat", "-a",
                     "-w")


class Balloon(test_client.ClientTest):
    def steps(self, *words, target=256, ram=512):
        machine = self.machine("web", answers={
            "balloon": {}, "x-vmm-balloon-stats": {
                "target": target * MIB, "ram": ram * MIB}})
        done = self.vmm("balloon", "-n", "web", *words)
        machine.close()
        machine.path.unlink()
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return machine.arguments["value"] // MIB

    def test_steps_count_from_what_the_guest_is_to_keep(self):
        self.assertEqual(self.steps("-i", "64"), 192)
        self.assertEqual(self.steps("--inflate", "255"), 1)
        self.assertEqual(self.steps("-d", "64"), 320)
        self.assertEqual(self.steps("-d", "256"), 512)
        self.assertEqual(self.steps("--deflate=1G"), 512)

    def test_a_guest_keeps_some_memory(self):
        self.machine("web", answers={"x-vmm-balloon-stats": {
            "target": 64 * MIB, "ram": 64 * MIB}})
        self.refused("--inflate: the guest is to keep 64 MiB and needs memory",
                     "balloon", "web", "-i", "64")

    def test_there_is_one_size(self):
        self.machine("web")
        said = "only one of SIZE, --inflate and --deflate is taken"
        self.refused(said, "balloon", "web", "64", "-i", "64")
        self.refused(said, "balloon", "web", "-i", "64", "-d", "64")
        for word in ("0", "x", "9000P"):
            self.assertEqual(self.vmm("balloon", "web", "-i", word).returncode,
                             2)


class Refused(test_client.ClientTest):
    def test_commands_without_a_counterpart_say_what_to_do(self):
        for command in ("setup", "sandbox", "debug"):
            done = self.vmm(command, "-n", "x")
            self.assertEqual(done.returncode, 2)
            self.assertRegex(done.stderr, f"^Fatal: {command}: .*'.*vmm ")

    def test_rootfs(self):
        self.refused("--rootfs: there are no root file systems of the VMM's "
                     "own", "list", "--rootfs")
        self.machine("web")
        self.assertEqual(self.well("list", "-i", "--names"), "web\n")


class Documentation(unittest.TestCase):
    def test_every_refused_option_is_in_the_document(self):
        root = pathlib.Path(test_client.ROOT)
        source = (root / "vmm/kvmtool_words.c").read_text("utf-8")
        table = source.split("kvmtool_refusals[] = {")[1].split("};")[0]
        text = (root / "docs/KVMTOOL.md").read_text("utf-8")
        paragraph = text.split("These are refused")[1].split("\n\n")[0]
        self.assertEqual(re.findall(r'^\t\{ "(\S+?)",', table, re.M),
                         re.findall(r"`--(\S+?)`", paragraph))


if __name__ == "__main__":
    test_client.PROGRAM = sys.argv[1]
    test_client.ROOT = pathlib.Path(sys.argv[2])
    unittest.main(argv=sys.argv[:1])
