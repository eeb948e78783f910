#!/usr/bin/env python3
"""tests/cli/test_schema.py - the schema of files of cases is what the parser
takes, and docs/TEST.md has its keys.

Usage: test_schema.py PROGRAM ROOT. PROGRAM is vmm with tests/cli/fake_guest.c in
place of a guest.
"""
import json
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest

import jsonschema
import yaml

GOOD = """
{name: a, command: x}
{name: a, command: [x, 1, true]}
{name: a, command: x, cpus: 4, mem: 1G, cmdline: quiet, status: 255}
{name: a, command: x, env: {A: 1, B: , C: "2"}, disk: d, net: [none, user]}
{name: a, command: x, rwdir: [a, b=/c], rodir: x, pwd: /, user: 1:2}
{name: a, command: x, timeout: 10, boot-timeout: 500ms}
{name: a, command: x, ignore-warnings: true, options: [--net=none]}
{name: a, command: x, matrix: {kernel: [a], cpus: [1, 2], mem: [1G]}}
{name: a, command: x, matrix: {cmdline: ["", a], options: [[], --net=none]}}
{name: a, command: x, fetch: a/b}
{name: a, expect: [timeout: 1m, expect: 'a$', send: b]}
{name: a, command: x, fetch: [/var/log, b]}
{name: a, command: x, repeat: 1000, retries: 0, root: r, modules: m}
{name: a, command: x, stdout: {has: a, lacks: [b, 1]}, stderr: {}, console: {}}
{name: a, command: x, needs: {arch: arm64, cpus: 2, mem: 2G, program: [a]}}
{name: a, command: x, needs: {file: /x, arch: [arm64, mips]}}
"""
BAD = """
x
{command: x}
{name: a}
{name: "", command: x}
{name: a/b, command: x}
{name: -a, command: x}
{name: a, command: []}
{name: a, command: }
{name: a, command: {}}
{name: a, command: x, kernel: ""}
{name: a, command: x, expect: [send: a]}
{name: a, expect: []}
{name: a, expect: [{}]}
{name: a, expect: [a]}
{name: a, expect: [{expect: a, send: b}]}
{name: a, expect: [send: ""]}
{name: a, expect: [timeout: x]}
{name: a, command: x, kernel: [a]}
{name: a, command: x, cpus: []}
{name: a, command: x, status: 256}
{name: a, command: x, status: -1}
{name: a, command: x, status: x}
{name: a, command: x, repeat: 0}
{name: a, command: x, retries: 1001}
{name: a, command: x, pwd: a}
{name: a, command: x, timeout: 5q}
{name: a, command: x, ignore-warnings: 1}
{name: a, command: x, options: net=user}
{name: a, command: x, matrix: []}
{name: a, command: x, matrix: {cpus: 1}}
{name: a, command: x, matrix: {cpus: []}}
{name: a, command: x, matrix: {user: [a]}}
{name: a, command: x, stdout: a}
{name: a, command: x, stdout: {has: ""}}
{name: a, command: x, stdout: {have: a}}
{name: a, command: x, needs: {arch: arm46}}
{name: a, command: x, needs: {cpus: 0}}
{name: a, command: x, needs: {program: ""}}
{name: a, command: x, needs: {kvm: a}}
{name: a, command: x, env: [A]}
{name: a, command: x, env: {A: [1]}}
{name: a, command: x, env: {"A=": 1}}
{name: a, command: x, wrong: a}
"""


class Schema(unittest.TestCase):
    def setUp(self):
        self.temp = tempfile.TemporaryDirectory()
        self.addCleanup(self.temp.cleanup)
        self.schema = json.loads(
            (ROOT / "docs/vmm-test.schema.json").read_text("utf-8"))
        jsonschema.Draft7Validator.check_schema(self.schema)

    def agree(self, text, good):
        path = pathlib.Path(self.temp.name) / "a.yaml"
        path.write_text(text, "utf-8")
        done = subprocess.run([PROGRAM, "test", "-kK", "--list", path],
                              capture_output=True, text=True, check=False)
        self.assertEqual(done.returncode == 0, good, text + done.stderr)
        valid = jsonschema.Draft7Validator(self.schema).is_valid(
            yaml.safe_load(text))
        self.assertEqual(valid, good, text)

    def test_it_agrees_with_the_parser(self):
        for case in GOOD.strip().splitlines():
            self.agree(f"cases:\n- {case}\n", True)
        for case in BAD.strip().splitlines():
            self.agree(f"cases:\n- {case}\n", False)
        self.agree("defaults: {command: x}\ncases: [{name: a}]\n", True)
        for text in ("defaults: {name: x}\ncases: [{name: a, command: x}]\n",
                     "cases: []\n", "cases: {}\n",
                     "defaults: {command: x, expect: [send: x]}\n"
                     "cases: [{name: a}]\n", "[]\n", "defaults: {}\n",
                     "defaults: {}\ncases: [{name: a}]\n",
                     "cases: [{name: a, command: x}]\nother: 1\n"):
            self.agree(text, False)

    def test_it_has_the_keys_of_the_parser(self):
        source = "".join((ROOT / f"vmm/test/spec_{name}.c").read_text("utf-8")
                         for name in ("keys", "steps"))
        tables = dict(re.findall(r"(\w+)_keys\[\] = \{\n(.*?)\n\};", source,
                                 re.S))
        case = self.schema["definitions"]["case"]["properties"]
        for name, found in (
                ("case", case), ("matrix", case["matrix"]["properties"]),
                ("need", case["needs"]["properties"]),
                ("step", self.schema["definitions"]["step"]["properties"]),
                ("output",
                 self.schema["definitions"]["output"]["properties"])):
            self.assertEqual(re.findall(r'^\t\{ "([a-z-]+)"', tables[name],
                                        re.M), list(found), name)

    def test_the_manual_has_them(self):
        text = (ROOT / "docs/TEST.md").read_text("utf-8")
        rows = re.findall(r"^\| (`[a-z-]+`(?:, `[a-z-]+`)*) \|", text, re.M)
        told = set(re.findall("[a-z-]+", " ".join(rows)))
        keys = self.schema["definitions"]["case"]["properties"]
        self.assertEqual(set(keys) - told, set())


if __name__ == "__main__":
    PROGRAM, ROOT = (pathlib.Path(word).resolve() for word in sys.argv[1:3])
    unittest.main(argv=sys.argv[:1])
