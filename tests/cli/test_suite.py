#!/usr/bin/env python3
"""tests/cli/test_suite.py - files of cases, and their reports.

Usage: test_suite.py PROGRAM ROOT. PROGRAM is vmm with tests/cli/fake_guest.c in
place of a guest: a kernel called "here" runs the command on this host.
"""
import json
import os
import pathlib
import pty
import re
import signal
import subprocess
import sys
import tempfile
import unittest
import xml.dom.minidom


class Folder(unittest.TestCase):
    """Each test has a folder of its own."""

    def setUp(self):
        self.temp = tempfile.TemporaryDirectory()
        self.addCleanup(self.temp.cleanup)
        self.dir = pathlib.Path(self.temp.name)

    def vmm(self, *words, **how):
        return subprocess.run([PROGRAM, "test", *words], cwd=self.dir,
                              capture_output=True, text=True, timeout=120,
                              check=False, **how)

    def spec(self, text, name="a.yaml"):
        (self.dir / name).write_text(text, "utf-8")
        return name

    def cases(self, text):
        """A file of cases that run here."""
        return self.spec("defaults: {kernel: here}\ncases:\n" + text)

    def run_cases(self, text, *words):
        return self.vmm("--out", "o", *words, self.cases(text))

    def refused(self, text, *sentences):
        done = self.vmm("--list", self.spec(text))
        self.assertEqual((done.returncode, done.stdout), (125, ""))
        for sentence in sentences:
            self.assertIn(sentence, done.stderr)


def lines(done):
    """What was told, without times."""
    return re.sub(r"\d+\.\d{3} s", "T", done.stdout).splitlines()


class Cases(Folder):
    def test_statuses_and_outputs_are_judged(self):
        done = self.run_cases("""
  - name: all
    command: echo out; echo err >&2; exit 3
    status: 3
    stdout: {has: [^out$, 'o.t'], lacks: [err, ^$]}
    stderr: {has: err, lacks: out}
    console: {has: booted}
  - {name: lacks, command: echo out, stdout: {has: in}}
  - {name: has, command: echo out, stdout: {lacks: 'o+ut'}}
  - {name: passes, command: "true", status: 2}
  - {name: ends, command: "kill -9 $$"}
""")
        self.assertEqual(done.returncode, 1)
        self.assertEqual(lines(done), [
            "pass all (T)",
            "FAIL lacks (T, status 0: stdout lacks 'in')",
            "FAIL has (T, status 0: stdout has 'o+ut')",
            "FAIL passes (T, status 0: 2 was expected)",
            "FAIL ends (T, status 137)",
            "1 passed, 4 failed, 0 not run"])
        self.assertEqual((self.dir / "o/all/stderr").read_text(), "err\n")

    def test_lines_of_any_bytes_and_length_are_looked_at(self):
        done = self.run_cases(r"""
  - name: bytes
    command: head -c 200000 /dev/zero; printf 'a\0b\r\n\377c'
    stdout: {has: ['a b$', 'c$']}
""")
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_words_of_a_command_are_kept(self):
        done = self.run_cases("""
  - name: words
    command: [printf, '[%s]', "a b", '$A', 1, '']
    stdout: {has: '^\\[a b\\]\\[[$]A\\]\\[1\\]\\[\\]$'}
  - name: env
    command: echo "$A,$B"
    env: {A: 1, B: "x=y"}
    stdout: {has: '^1,x=y$'}
""")
        self.assertEqual(done.returncode, 0, done.stdout)

    def test_matrix_is_each_with_each(self):
        text = """
  - name: m
    command: "true"
    repeat: 2
    matrix:
      kernel: [a/here, here]
      cpus: [1, 4]
      mem: [256M]
      cmdline: ["", quiet]
      options: [[], [--net=none, --user=0]]
"""
        done = self.vmm("--list", self.cases(text))
        names = done.stdout.splitlines()
        self.assertEqual(len(names), 32)
        self.assertEqual(names[0], "m-k1-here-c1-cmdline1-options1-1")
        self.assertEqual(names[-1], "m-k2-here-c4-cmdline2-options2-2")
        done = self.vmm("--list", "-kx", "-c3", "--repeat", "1",
                        self.cases(text))
        self.assertEqual(done.stdout.splitlines(), [
            f"m-cmdline{i}-options{j}"
            for i in (1, 2) for j in (1, 2)])

    def test_defaults_are_added_to_and_replaced(self):
        done = self.vmm("--out", "o", self.spec("""
cases:
  - {name: a, stdout: {has: '^1,2$'}, env: {B: 2}}
  - {name: b, command: echo no, stdout: {lacks: ','}, status: 0}
  - {name: c, command: exit 4, stderr: {lacks: x}}
defaults:
  kernel: here
  command: echo $A,$B
  env: {A: 1, B: 1}
  stdout: {lacks: x}
  status: 0
"""))
        self.assertEqual(lines(done)[:3], ["pass a (T)", "pass b (T)",
                                           "FAIL c (T, status 4)"])

    def test_retries_are_told(self):
        done = self.run_cases("""
  - name: flaky
    command: test -e f || { touch f; exit 1; }
    retries: 2
  - {name: never, command: exit 1, retries: 1}
  - {name: at-once, command: "true", retries: 5}
""", "--junit", "j.xml")
        self.assertEqual(lines(done), [
            "pass flaky (T, try 2)", "FAIL never (T, try 2, status 1)",
            "pass at-once (T)",
            "2 passed, 1 failed, 0 not run; 1 passed after a failure"])
        self.assertEqual(sorted(os.listdir(self.dir / "o")),
                         ["at-once", "flaky", "flaky~2", "never", "never~2",
                          "report.jsonl"])
        self.assertIn('name="tries" value="2"',
                      (self.dir / "j.xml").read_text())

    def test_what_the_host_lacks_is_skipped(self):
        needs = ["cpus: 65536", "mem: 1000T", "program: no-such",
                 "file: [/dev/null, /no-such]", "arch: [mips]"]
        text = "".join(f"  - {{name: c{i}, command: 'false', "
                       f"needs: {{{need}}}}}\n"
                       for i, need in enumerate(needs))
        if os.uname().machine == "mips":
            text = text.replace("[mips]", "arm64")
        done = self.run_cases(text + """
  - name: runs
    command: "true"
    needs: {cpus: 1, mem: 1M, program: [sh, /bin/sh], file: /dev/null,
            arch: [arm64, mips, x86_64]}
""", "--tap")
        self.assertEqual(done.returncode, 0, done.stdout)
        self.assertEqual(done.stdout.count("# SKIP it "), 5)
        self.assertIn("ok 6 - runs\n", done.stdout)
        self.assertIn("# 1 passed, 0 failed, 0 not run, 5 skipped\n",
                      done.stdout)

    def test_a_signal_ends_the_runs_and_the_report_is_written(self):
        name = self.cases("  - {name: a, command: 'true'}\n"
                          "  - {name: b, command: touch b; sleep 1000}\n"
                          "  - {name: c, command: 'true'}\n")
        with subprocess.Popen([PROGRAM, "test", "--out", "o", "--junit",
                               "j.xml", name], cwd=self.dir,
                              stdout=subprocess.PIPE, text=True) as run:
            while not (self.dir / "b").exists():
                self.assertIsNone(run.poll())
                try:
                    run.wait(0.02)
                except subprocess.TimeoutExpired:
                    pass
            run.send_signal(signal.SIGINT)
            out = run.communicate(timeout=60)[0]
        self.assertEqual(run.returncode, 130)
        self.assertIn("1 passed, 0 failed, 2 not run\n", out)
        told = [json.loads(line) for line in
                (self.dir / "o/report.jsonl").read_text().splitlines()]
        self.assertEqual([one.get("not-run") for one in told[1:]],
                         [None, True, True])
        junit = xml.dom.minidom.parse(str(self.dir / "j.xml"))
        self.assertEqual(len(junit.getElementsByTagName("skipped")), 2)

    def test_a_terminal_is_told_what_is_at_work(self):
        name = self.cases("  - {name: one, command: sleep 0.1}\n")
        leader, follower = pty.openpty()
        done = subprocess.run([PROGRAM, "test", "--out", "o", name],
                              cwd=self.dir, stdout=follower, check=False,
                              timeout=60)
        os.close(follower)
        said = os.read(leader, 65536).decode()
        os.close(leader)
        self.assertEqual(done.returncode, 0)
        self.assertIn("[0/1] one (0 s)\r\x1b[Kpass one (", said)


class Steps(Folder):
    def drive(self, *words):
        return self.vmm("--kernel", "talk", "--step-timeout", "20s", *words)

    def ended(self, done, status, *sentences):
        self.assertEqual(done.returncode, status, done.stderr)
        for sentence in sentences:
            self.assertIn(sentence, done.stderr)

    def test_steps_are_taken_in_their_order(self):
        done = self.drive("--out", "o", "--expect", "^login: $", "--send",
                          "root\n", "--expect", "said (root)$", "--expect",
                          "# $", "--send", "a b\n", "--expect", "a b\n# ")
        self.ended(done, 0)
        self.assertEqual(done.stdout, "[    1.0] booted\nlogin: you said root"
                         "\n# you said a b\n# ")
        self.assertEqual((self.dir / "o/console").read_bytes()[:20],
                         b"[    1.0] booted\r\nlo")

    def test_what_was_expected_is_not_seen_again(self):
        self.ended(self.drive("--expect", "login:", "--step-timeout", "50ms",
                              "--expect", "login:"), 1,
                   "vmm test: step 4: the console did not say 'login:' "
                   "within 0.050 s\n")

    def test_ends_of_the_guest_have_their_statuses(self):
        self.ended(self.drive("--send", "off\n", "--expect", "x"), 122,
                   "vmm test: the guest ended in step 3\n")
        for kernel in ("missing", "broken"):
            self.ended(self.vmm("-k", kernel, "--send", "x"), 125,
                       "the guest could not be run\n")
        self.ended(self.drive("--send", "off\n"), 0)
        self.ended(self.drive("--expect", "login", "--send", "x\n",
                              "--step-timeout", "50ms"), 1,
                   "did not end within 0.050 s of the last step\n")
        self.ended(self.drive("--send", "off\n", "--expect", "login",
                              "--step-timeout", "200ms", "--expect", "y",
                              "--send", "x"), 122,
                   "vmm test: the guest ended in step 5\n")
        self.ended(self.drive("--send", "panic\n", "--expect", "xy"), 121,
                   "panicked")
        self.ended(self.drive("--send", "warn\n", "--expect", "# "), 120,
                   "all steps passed, but the kernel reported 1 fault\n")
        self.ended(self.drive("--ignore-warnings", "--send", "warn\n",
                              "--expect", "# "), 0)
        self.ended(self.drive("--timeout", "100ms", "--expect", "x"), 124,
                   "--timeout passed in step 2\n")
        self.ended(self.vmm("-kmissing", "--expect", "x"), 125,
                   "Unable to open kernel missing",
                   "the guest could not be run")
        self.ended(self.vmm("-ktalk", "--mem", "1X", "--expect", "x"), 125)

    def test_a_signal_ends_the_guest(self):
        with subprocess.Popen([PROGRAM, "test", "-ktalk", "--expect", "x"],
                              stdout=subprocess.PIPE) as run:
            run.stdout.read(10)
            run.send_signal(signal.SIGTERM)
            run.stdout.read()
        self.assertEqual(run.returncode, 143)

    def test_wrong_words_are_refused(self):
        for words, sentence in (
                (("--expect", "("), "--expect (: is no regular expression"),
                (("--expect", ""), "an empty expression is everywhere"),
                (("--send", ""), "from 1 to 4096 bytes"),
                (("--step-timeout", "x"), "--step-timeout x: not a duration"),
                (("--expect", "x", "--", "true"), "either a command or "
                 "--expect and --send"),
                (("--expect", "x", "--boot-timeout", "1s"),
                 "--boot-timeout is for a command"),
                (("--expect", "x", "--env", "A=1"), "--env is for a "
                 "command, and not for --expect and --send")):
            with self.subTest(words):
                self.ended(self.drive(*words), 125, sentence)

    def test_cases_have_them(self):
        done = self.vmm("--out", "o", self.spec("""
defaults: {kernel: talk, command: "true"}
cases:
  - name: passes
    expect:
      - timeout: 20s
      - expect: '^login: $'
      - send: "root\\n"
      - expect: 'said root'
    console: {has: booted}
    stdout: {has: said}
  - {name: ends, expect: [send: "off\\n", expect: x], status: 122}
  - {name: fails, expect: [timeout: 20ms, expect: '[$]']}
"""))
        self.assertEqual(done.returncode, 1, done.stderr)
        self.assertEqual(lines(done), [
            "pass passes (T)", "pass ends (T)",
            "FAIL fails (T, status 1: step 2: the console did not say '[$]' "
            "within T)", "2 passed, 1 failed, 0 not run"])


class Wrong(Folder):
    def test_keys_are_named_with_line_and_the_closest(self):
        self.refused("cases:\n  - name: a\n    comand: x\n",
                     "a.yaml:3: unknown key 'comand' "
                     "(did you mean 'command'?)")
        self.refused("case: []\n", "a.yaml:1: unknown key 'case' "
                     "(did you mean 'cases'?)")
        self.refused("cases:\n- name: a\n  matrix:\n    cpu: [1]\n",
                     "a.yaml:4: unknown key 'cpu' (did you mean 'cpus'?)")
        self.refused("cases:\n- name: a\n  name: b\n",
                     "a.yaml:3: key 'name' is in line 2 already")
        self.refused("cases:\n- name: report.jsonl\n  command: x\n",
                     "a.yaml:2: name: 'report.jsonl' is that of the report")

    def test_values_are_named_with_line(self):
        for text, sentence in (
                ("timeout: 5q", "3: --timeout 5q: not a duration"),
                ("mem: 1X", "3: --mem 1X: not a size"),
                ("cpus: 0", "3: --cpus 0: at least 1"),
                ("disk: a,rw0", "3: --disk a,rw0: unknown key"),
                ("status: 256", "3: status: '256' is no number from 0 to 255"),
                ("retries: x", "3: retries: 'x' is no number"),
                ("command: {a: b}", "3: command: a text or a number"),
                ("command:", "3: command: a text, or a list of words"),
                ("command: []", "3: command: a text, or a list of words"),
                ("ignore-warnings: yes", "3: ignore-warnings: 'yes' is "
                 "neither true nor false"),
                ("stdout: {has: '('}", "3: '(' is no regular expression: "),
                ("stdout: {has: ''}", "3: has: an empty expression"),
                ("stdout: text", "3: stdout: keys and values"),
                ("needs: {arch: arm46}", "3: unknown architecture 'arm46' "
                 "(did you mean 'arm64'?)"),
                ("needs: {mem: lots}", "3: mem: 'lots' is no size"),
                ("options: [--user]", "3: --user needs a value"),
                ("options: [net=user]", "3: 'net=user' is no option"),
                ("options: [--nett=user]", "3: unknown option 'nett' "
                 "(did you mean 'net'?)"),
                ("options: [--out=x]", "3: --out is for all cases"),
                ("options: [--mem=1G]", "3: --mem is said by the key 'mem'"),
                ("options: [--help]", "3: unknown option 'help'"),
                ("env: {'A=B': 1}", "3: env: 'A=B' is no name"),
                ("expect: [expect: '(']", "3: --expect (: is no regular"),
                ("expect: [expect: a, send: b]\n  user: 0", "2: --user is "
                 "for a command"),
                ("expect: [{expect: a, send: b}]", "3: a step: one of"),
                ("expect: [wait: 1]", "3: unknown key 'wait'"),
                ("expect: text", "3: expect: a list of steps"),
                ("command: x\n  expect: [send: x]", "2: a: either command or"
                 " expect"),
                ("fetch: ../x", "3: --fetch ../x: a file or folder, without"),
                ("fetch: [a, /]", "3: --fetch /: a file or folder"),
                ("pwd: here", "3: --pwd here: no absolute path"),
                ("matrix: {cpus: []}", "3: cpus: a list of values"),
                ("matrix: {cpus: 4}", "3: cpus: a list of values")):
            with self.subTest(text):
                self.refused(f"cases:\n- name: a\n  {text}\n",
                             "a.yaml:" + sentence)

    def test_files_are_cases(self):
        for text, sentence in (
                ("", "a.yaml: is empty"),
                ("[1]", "a.yaml:1: a file of cases: keys and values"),
                ("cases: {}", "a.yaml:1: cases: a list of them"),
                ("cases: []", "a.yaml:1: cases: a list of them"),
                ("cases:\n- command: x", "a.yaml:2: this case has no name"),
                ("cases:\n- name: a", "a.yaml:2: case 'a' has no command, nor expect"),
                ("cases:\n- name: ../a", "a.yaml:2: name: '../a': up to 60"),
                ("defaults: {name: a}\ncases: [{}]",
                 "a.yaml:1: name: each case has its own"),
                ("cases:\n- {name: a, command: b}\n- {name: a, command: b}",
                 "a.yaml:3: another case is called 'a', too"),
                ("cases:\n- {name: a, command: b}",
                 "a.yaml:2: case 'a' has no kernel, and there is no --kernel"),
                ("cases: &a\n- *a", "a.yaml:1: a case: keys and values"),
                ("a: b: c", "a.yaml:1: mapping values are not allowed"),
                ("a: [\n", "a.yaml:2: "),
                ("a: *b", "a.yaml:1: "),
                ("--- {cases: []}\n--- {}\n",
                 "a.yaml:2: a second document begins here"),
                ("a: \x01", "a.yaml: byte 3: control characters")):
            with self.subTest(text):
                self.refused(text, sentence)

    def test_words_are_checked(self):
        name = self.cases("  - {name: a, command: 'true'}\n")
        for words, sentence in (
                ((name,), "--out DIR is needed"),
                (("--list", name, "--junit"), "'--junit' is no SPEC.yaml"),
                (("--list", "no.yaml"), "no.yaml: No such file"),
                (("--list", "--shard", "3/2", name), "--shard 3/2: not a "
                 "part of the runs, as in 2/5"),
                (("--list", "--shard", "0/2", name), "not a part"),
                (("--list", "--shard", "1", name), "not a part"),
                (("--list", "--times", "x", name), "--times is for --shard"),
                (("--merge",), "--merge: which reports?"),
                (("--list", name, name), "a.yaml:3: another case is called")):
            with self.subTest(words):
                done = self.vmm(*words)
                self.assertEqual(done.returncode, 125, done.stdout)
                self.assertIn(sentence, done.stderr)
        self.assertEqual(self.vmm("-khere", "--", "no.yaml").returncode, 125)

    def test_two_runs_with_one_name_are_refused(self):
        self.refused("defaults: {kernel: K, command: x}\ncases:\n"
                     "- {name: a, matrix: {cpus: [1, 2]}}\n- {name: a-c1}\n",
                     "two runs are called 'a-c1'")


class Parts(Folder):
    TEXT = "".join(f"  - {{name: c{i}, command: sleep 0.0{i}}}\n"
                   for i in range(8))

    def setUp(self):
        super().setUp()
        self.name = self.cases(self.TEXT)

    def shard(self, part, *words):
        return self.vmm("--shard", part, *words, self.name)

    def test_parts_are_the_whole_and_the_same_each_time(self):
        whole = self.vmm("--list", self.name).stdout.split()
        parts = [self.shard(f"{i}/3", "--list").stdout.split()
                 for i in (1, 2, 3)]
        self.assertEqual(sorted(sum(parts, [])), sorted(whole))
        self.assertEqual([len(part) for part in parts], [3, 3, 2])
        self.assertEqual(parts[0],
                         self.shard("1/3", "--list").stdout.split())

    def test_times_balance_them(self):
        report = [{"vmm-test": 1, "runs": 8}] + [
            {"name": f"c{i}", "passed": True, "status": 0,
             "seconds": 70 if i == 5 else 10} for i in range(8)]
        (self.dir / "r").write_text(
            "".join(json.dumps(line) + "\n" for line in report))
        parts = [self.shard(f"{i}/2", "--list", "--times", "r").stdout.split()
                 for i in (1, 2)]
        self.assertEqual(parts[0], ["c5"])
        self.assertEqual(len(parts[1]), 7)

    def test_more_parts_than_runs_are_empty(self):
        done = self.shard("9/9", "--out", "o")
        self.assertEqual(done.returncode, 0)
        self.assertEqual(done.stdout, "0 passed, 0 failed, 0 not run\n")

    def test_reports_are_merged(self):
        for i in (1, 2, 3):
            self.assertEqual(
                self.shard(f"{i}/3", "--out", f"o{i}").returncode, 0)
        reports = [f"o{i}/report.jsonl" for i in (1, 2, 3)]
        done = self.vmm("--merge", "--out", "all", "--junit", "j.xml",
                        *reports)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertIn("8 passed, 0 failed, 0 not run\n", done.stdout)
        again = self.vmm("--merge", "--json", "all/report.jsonl")
        self.assertEqual(len(again.stdout.splitlines()), 8)
        junit = xml.dom.minidom.parse(str(self.dir / "j.xml"))
        self.assertEqual(len(junit.getElementsByTagName("testcase")), 8)

        done = self.vmm("--merge", *reports[:2])
        self.assertEqual(done.returncode, 1)
        self.assertIn("6 passed, 0 failed, 1 not run\n", done.stdout)
        done = self.vmm("--merge", "--json", *reports[:2])
        self.assertEqual(json.loads(done.stdout.splitlines()[-1]),
                         {"name": "part-3-of-3", "not-run": True})
        done = self.vmm("--merge", *reports, reports[0])
        self.assertEqual(done.returncode, 125)
        self.assertIn("o1/report.jsonl: part 1 is there twice", done.stderr)
        done = self.vmm("--merge", reports[0], "all/report.jsonl")
        self.assertIn("is of 0 parts, and o1/report.jsonl of 3", done.stderr)

    def test_parts_of_different_divisions_are_not_merged(self):
        self.shard("1/2", "--out", "a")
        self.name = self.cases(self.TEXT + "  - {name: x, command: 'true'}\n")
        self.shard("2/2", "--out", "b")
        done = self.vmm("--merge", "a/report.jsonl", "b/report.jsonl")
        self.assertEqual(done.returncode, 125)
        self.assertIn("are parts of different suites, or by different times",
                      done.stderr)

    def test_a_report_that_ends_early_has_runs_that_are_missing(self):
        self.shard("1/1", "--out", "o")
        path = self.dir / "o/report.jsonl"
        path.write_text(path.read_text()[:-40])
        done = self.vmm("--merge", "--tap", "o/report.jsonl")
        self.assertEqual(done.returncode, 1)
        self.assertIn("Bail out!", done.stdout)
        self.assertIn("# 7 passed, 0 failed, 1 not run\n", done.stdout)

    def test_a_name_in_a_report_stays_a_name(self):
        (self.dir / "r").write_text(
            '{"vmm-test":1,"runs":1}\n{"name":"a\\u001b[2J\\nok 2 # SKIP b",'
            '"passed":false,"status":1,"seconds":1}\n')
        for words, line in (((), "FAIL a?[2J?ok 2 # SKIP b "),
                            (("--tap",), "not ok 1 - a?[2J?ok 2 \\# SKIP b")):
            done = self.vmm("--merge", *words, "r")
            self.assertTrue(any(said.startswith(line)
                                for said in done.stdout.splitlines()),
                            done.stdout)

    def test_what_is_no_report_is_refused(self):
        for text in ("", "x", "{}\n", '{"vmm-test":2,"runs":1}\n',
                     '{"vmm-test":1,"runs":0}\n{"name":"a","passed":true,'
                     '"status":0,"seconds":1}\n',
                     '{"vmm-test":1,"runs":1}\n{"passed":true}\n',
                     '{"vmm-test":1,"runs":1,"shard":2,"shards":1}\n',
                     '{"vmm-test":1,"runs":1,"shard":1,"shards":1}\n',
                     '{"vmm-test":1,"runs":1,"shard":1,"shards":1,'
                     '"division":"x"}\n',
                     '{"vmm-test":1,"runs":1}\nx\n'):
            with self.subTest(text):
                (self.dir / "r").write_text(text)
                done = self.vmm("--merge", "r")
                self.assertEqual(done.returncode, 125)
                self.assertRegex(done.stderr,
                                 r"r:\d: is no report of vmm test")


if __name__ == "__main__":
    PROGRAM, ROOT = (pathlib.Path(word).resolve() for word in sys.argv[1:3])
    unittest.main(argv=sys.argv[:1])
