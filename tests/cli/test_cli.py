#!/usr/bin/env python3
"""tests/cli/test_cli.py - what the program says, and what is said about it.

Usage: test_cli.py PROGRAM ROOT. PROGRAM is vmm with tests/cli/fake_guest.c in
the place of a guest; ROOT is the source tree.
"""

import json
import pathlib
import re
import subprocess
import sys
import unittest

PROGRAM = ROOT = None
COMMANDS = ("run", "restore", "receive", "test", "list", "stop", "pause",
            "resume", "stat", "mem", "balloon", "disk", "console", "snapshot",
            "dump", "gdb", "migrate", "doctor", "version", "help")
PAGES = tuple(c for c in COMMANDS if c != "help")
EMPTY_DEV = ("unshare", "-rm", "sh", "-c",
             'mount -t tmpfs none /dev && exec "$@"', "sh")
MOST_USED = "The most commonly used vmm commands are:"


def vmm(*words, **how):
    """The finished process of `vmm WORDS`."""
    return subprocess.run([PROGRAM, *words], capture_output=True, text=True,
                          timeout=120, check=False, **how)


def options(command):
    """What --help lists: {"--kernel": "-k", "--cmdline": None, ...}."""
    found = re.findall(r"^ +(?:(-.), )?(--[a-z-]+)",
                       vmm(command, "--help").stdout, re.M)
    return {long: short or None for short, long in found}


def bash(script):
    """What a bash prints that has the completion loaded."""
    text = f". {ROOT}/docs/vmm.bash\n{script}"
    return subprocess.run(["bash", "-c", text], capture_output=True, text=True,
                          timeout=120, check=True).stdout.split()


def complete(*words):
    """What completion offers for the last of these words after `vmm`."""
    quoted = " ".join(f"'{word}'" for word in (PROGRAM, *words))
    return bash(f"COMP_WORDS=({quoted}); COMP_CWORD={len(words)}; _vmm;"
                'printf "%s\\n" "${COMPREPLY[@]}"')


class Commands(unittest.TestCase):
    def test_bare_vmm_says_what_to_do(self):
        done = vmm()
        self.assertEqual(done.returncode, 2)
        self.assertEqual(done.stdout, "")
        self.assertEqual(done.stderr,
                         "Fatal: no command given: 'vmm help' lists them, as "
                         "in 'vmm run --kernel FILE'\n")

    def test_help_and_dash_help_list_the_commands(self):
        for words in (("help",), ("--help",), ("-h",)):
            done = vmm(*words)
            self.assertEqual(done.returncode, 0)
            self.assertIn(MOST_USED, done.stdout.splitlines())
            self.assertEqual(done.stderr, "")

    def test_every_command_listed_exists(self):
        listed = re.findall(r"^  ([a-z]+) ", vmm("help").stdout, re.M)
        self.assertEqual(tuple(listed), COMMANDS)
        for command in listed:
            for words in ((command, "--help"), ("help", command)):
                done = vmm(*words)
                self.assertEqual(done.returncode, 0)
                self.assertTrue(done.stdout.startswith(
                    f"Usage: vmm {command}"))

    def test_help_fits_a_terminal(self):
        for words in (("help",), *((command, "--help") for command in COMMANDS)):
            for line in vmm(*words).stdout.splitlines():
                self.assertLess(len(line), 80, line)
                self.assertEqual(line, line.rstrip())

    def test_version_says_number_and_architecture(self):
        for word in ("version", "--version"):
            self.assertRegex(vmm(word).stdout,
                             r"^vmm \d+\.\d+\.\d+, for fake guests\n$")

    def test_output_that_cannot_be_written_is_an_error(self):
        with open("/dev/full", "w", encoding="utf-8") as full:
            done = subprocess.run([PROGRAM, "--help"], stdout=full, text=True,
                                  stderr=subprocess.PIPE, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertEqual(done.stderr, "Fatal: standard output: "
                                      "No space left on device\n")


    def test_a_closed_standard_descriptor_is_not_given_to_a_file(self):
        for closed in ("", "<&-", ">&-", "<&- >&-", "<&- >&- 2>&-"):
            done = subprocess.run(["sh", "-c", f'"$0" run fd {closed}',
                                   PROGRAM], check=False)
            self.assertEqual(done.returncode, 3, closed)

    def test_dev_null_is_needed_for_a_closed_descriptor_alone(self):
        if subprocess.run([*EMPTY_DEV, "true"], check=False,
                          capture_output=True).returncode != 0:
            self.skipTest("no mount namespace is to be had here")
        script = 'exec "$0" run other '
        for closed, status, said in (
                ("", 3, ""),
                ("<&-", 1, "Fatal: descriptor 0 is closed: /dev/null: "
                           "No such file or directory\n")):
            done = subprocess.run([*EMPTY_DEV, "sh", "-c", script + closed,
                                   PROGRAM], capture_output=True, text=True,
                                  check=False)
            self.assertEqual((done.returncode, done.stderr), (status, said))


class Errors(unittest.TestCase):
    def refused(self, sentence, *words, status=2):
        done = vmm(*words)
        self.assertEqual(done.stderr, f"Fatal: {sentence}\n")
        self.assertEqual(done.returncode, status)
        self.assertEqual(done.stdout, "")

    def test_unknown_words_are_refused_with_the_closest(self):
        self.refused("unknown command 'rnu' (did you mean 'run'?)", "rnu")
        self.refused("unknown command 'frobnicate'", "frobnicate")
        self.refused("unknown command ''", "")
        self.refused("unknown option '--kernel' (options follow a command, "
                     "as in 'vmm run --help')", "--kernel", "x")
        self.refused("unknown command 'docto' (did you mean 'doctor'?)",
                     "help", "docto")
        self.refused("'run': one command at a time", "help", "doctor", "run")
        self.refused("--incoming: unix: needs a path, as in unix:/tmp/m.sock",
                     "run", "K", "--incoming", "unix:")
        self.refused("'x': doctor takes no such word", "doctor", "x")
        self.refused("unknown option '--jsno' (did you mean '--json'?)",
                     "doctor", "--jsno")
        self.refused("--cpus 65: at most 64", "run", "--cpus", "65")

    def test_a_missing_kernel_is_told_as_kvmtool_does(self):
        self.refused("Unable to open kernel missing", "run", "-k", "missing")

    def test_the_hosts_fault_is_status_1_and_one_clean_line(self):
        self.refused("the?host ?[31mis broken", "run", "broken", status=1)

    def test_a_terminal_is_not_at_the_mercy_of_a_name(self):
        self.refused("unknown command '?[2J?'", "\033[2J\n")

    def test_the_guests_status_is_the_programs(self):
        done = vmm("run", "other")
        self.assertEqual((done.returncode, done.stdout, done.stderr),
                         (3, "", ""))


    def test_a_tests_own_failure_has_a_status_of_its_own(self):
        done = vmm("test", "--", "true")
        self.assertEqual((done.returncode, done.stderr),
                         (125, "Fatal: nothing to boot: give --kernel FILE\n"))
        self.assertEqual(vmm("test", "-kK", "make", "-k").returncode, 7)


class Doctor(unittest.TestCase):
    def test_text_and_json_say_the_same(self):
        text, report = vmm("doctor"), vmm("doctor", "--json")
        found = json.loads(report.stdout)
        self.assertEqual(text.returncode, 0 if found["fit"] else 1)
        self.assertEqual(report.returncode, text.returncode)
        names = [finding["name"] for finding in found["findings"]]
        self.assertEqual(len(names), len(set(names)))
        for finding in found["findings"]:
            self.assertIn(f"  {finding['mark']:9} {finding['name']:26} ",
                          text.stdout)
            self.assertLessEqual(len(finding["name"]), 26)
            self.assertIn(finding["mark"],
                          ("ok", "limited", "missing", "fatal"))
            if finding["mark"] != "ok":
                self.assertTrue(finding["consequence"])
        for line in text.stdout.splitlines():
            self.assertLess(len(line), 80, line)


class Manual(unittest.TestCase):
    def test_every_option_has_its_line_and_every_line_its_option(self):
        for command in PAGES:
            text = (ROOT / f"docs/man/vmm-{command}.1").read_text("utf-8")
            told = {"--" + name: "-" + letter if letter else None
                    for letter, name in re.findall(
                        r"^\.It (?:Xo\n\.)?Fl (?:(.) , )?-([a-z-]+)", text,
                        re.M)}
            self.assertEqual(told, options(command))

    def test_every_command_has_its_line(self):
        text = (ROOT / "docs/man/vmm.1").read_text("utf-8")
        self.assertEqual(tuple(re.findall(r"^\.It Ic ([a-z]+)", text, re.M)),
                         COMMANDS)


    def test_every_control_command_has_its_line(self):
        source = (ROOT / "vmm/control/command_list.c").read_text("utf-8")
        text = (ROOT / "docs/CONTROL.md").read_text("utf-8")
        told = re.findall(r"^\| `([a-z_-]+)` \|.*\|.*\|$", text, re.M)
        self.assertEqual(
            told, ["qmp_capabilities",
                   *re.findall(r'^\t\{ "([a-z_-]+)",', source, re.M)])


class Completion(unittest.TestCase):
    def test_commands_are_offered(self):
        self.assertEqual(complete(""), list(COMMANDS))
        self.assertEqual(complete("d"), ["disk", "dump", "doctor"])
        self.assertEqual(complete("help", "ru"), ["run"])

    def test_every_option_is_offered(self):
        for command in COMMANDS:
            self.assertEqual(set(complete(command, "--")),
                             set(options(command)))
        self.assertEqual(complete("run", "--ker"), ["--kernel"])

    def test_values_are_offered_where_they_are_known(self):
        for words in (("--console", ""), ("--console", "=", ""),
                      ("--console", "=")):
            self.assertEqual(complete("run", *words),
                             ["serial", "virtio", "none"])
        self.assertEqual(complete("run", "--loglevel", "w"), ["warning"])
        self.assertEqual(complete("run", "--irqchip", "gicv3"),
                         ["gicv3", "gicv3-its"])
        self.assertEqual(complete("run", "--on-panic", ""),
                         ["exit", "pause", "dump="])

    def test_keys_of_memory_and_their_values_are_offered(self):
        for option in (("--mem",), ("-m",), ("--mem", "=")):
            keys = complete("run", *option, "1G,")
            self.assertEqual(keys[:3],
                             ["1G,backing=", "1G,share=", "1G,huge="])
            self.assertIn("1G,max=", keys)
            self.assertEqual(complete("run", *option, "1G,lock=on,me"),
                             ["1G,lock=on,merge="])
            self.assertEqual(complete("run", *option, "1G,huge", "="),
                             ["off", "thp"])
            self.assertEqual(complete("run", *option, "1G,huge", "=", "t"),
                             ["thp"])
        self.assertEqual(complete("run", "--disk", f"{ROOT}/meson.b"),
                         [f"{ROOT}/meson.build"])

    def test_elsewhere_it_is_files(self):
        self.assertIn(f"{ROOT}/meson.build",
                      complete("run", "-k", f"{ROOT}/meson.b"))
        self.assertIn(f"{ROOT}/meson.build",
                      complete("run", "--kernel", f"{ROOT}/meson.b"))


if __name__ == "__main__":
    PROGRAM, ROOT = sys.argv[1], pathlib.Path(sys.argv[2])
    unittest.main(argv=sys.argv[:1])
