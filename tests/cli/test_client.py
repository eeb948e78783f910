#!/usr/bin/env python3
"""tests/cli/test_client.py - the commands that talk to a running guest.

Usage: test_client.py PROGRAM ROOT. PROGRAM is vmm; the guests are pretended, by
a server that speaks QMP as QEMU documents it. Real ones are in tests/kvm.
"""

import json
import os
import pathlib
import socket
import subprocess
import sys
import tempfile
import threading
import time
import unittest

PROGRAM = ROOT = None
GREETING = {"QMP": {"version": {"qemu": {"micro": 0, "minor": 2, "major": 9},
                                "package": ""}, "capabilities": ["oob"]}}
EVENT = {"timestamp": {"seconds": 1, "microseconds": 2}, "event": "STOP"}
DROPPED = {"error": {"class": "GenericError", "desc": "too many clients"}}
STATS = {"vm": {"flushes": 7}, "process": {
    "pid": 1, "resident-bytes": 3 << 20, "user-ns": 1500000000,
    "system-ns": 250000000},
    "vcpus": [{"exits": 10, "idle": 0, "hist": [1, 2]},
              {"exits": 32, "idle": 0, "hist": [1, 2]}]}
NO_SIZE = ("not a size: a number and B, K, M, G, T or P (or KiB, MB, ...), as in "
           "2G or 1.5G; a bare number is in MiB")
COMMANDS = ("stop", "pause", "resume", "stat", "mem", "balloon", "disk",
            "console")
ANSWERS = {
    "qmp_capabilities": {},
    "query-status": {"running": True, "status": "running"},
    "query-memory-size-summary": {"base-memory": 256 << 20,
                                  "plugged-memory": 0},
    "query-cpus-fast": [{"cpu-index": 0}, {"cpu-index": 1}],
    "x-vmm-query-stats": STATS,
    "stop": {}, "cont": {}, "quit": {}, "system_powerdown": {},
}


class Machine:
    """What listens where a virtual machine would."""

    def __init__(self, folder, name, **how):
        self.path = folder / "vmm" / f"{name}.sock"
        self.path.parent.mkdir(exist_ok=True, mode=0o700)
        self.heard = []
        self.arguments = None  # of the last command
        self.typed = b""
        self.answers = {**ANSWERS, **how.get("answers", {})}
        self.first = how.get("first")  # said instead of the greeting
        self.silent = how.get("silent", ())  # commands without an answer
        self.last = how.get("last", ("quit",))  # those that end it,
        self.third = how.get("third")  # and this, when it is said the third time
        self.over = threading.Event()  # a client has heard the last
        self.listener = socket.socket(socket.AF_UNIX)
        self.listener.bind(str(self.path))
        self.listener.listen()
        threading.Thread(target=self.serve, daemon=True).start()

    def close(self):
        """As if the machine were killed: the socket stays."""
        try:
            self.listener.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        self.listener.close()

    def serve(self):
        """Takes clients until it is closed."""
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.talk, args=(client,),
                             daemon=True).start()

    def talk(self, client):
        """One client's conversation, byte by byte the worst there is."""
        def say(message):
            data = message if isinstance(message, bytes) else (
                json.dumps(message).encode() + b"\r\n")
            for i in range(0, len(data), 7):
                client.sendall(data[i:i + 7])

        with client, client.makefile("rb") as lines:
            try:
                say(self.first if self.first is not None else GREETING)
                for line in lines:
                    message = json.loads(line)
                    name = message["execute"]
                    self.heard.append(name)
                    self.arguments = message.get("arguments")
                    if name in self.silent:
                        continue
                    if name == "x-vmm-console-attach":
                        say(b'{"return": {}}\r\nshown first;')
                        return self.echo(client, lines)
                    say(EVENT)
                    if name in self.answers:
                        answer = self.answers[name]
                        if callable(answer):
                            answer = answer(message.get("arguments"))
                        say(answer if isinstance(answer, bytes)
                            else {"return": answer})
                    else:
                        say({"error": {"class": "CommandNotFound",
                                       "desc": f"The command {name} has not "
                                               "been found"}})
                    if name in self.last or (
                            name == self.third and self.heard.count(name) == 3):
                        return self.over.set()
            except OSError:
                pass

    def echo(self, client, lines):
        """A console that shouts; "?" gets 4 MiB more, and "!" ends it."""
        while data := lines.read1(4096):
            self.typed += data
            client.sendall(data.upper() + (b"?" in data) * bytes(4 << 20))
            if b"!" in data:
                return


class ClientTest(unittest.TestCase):
    """Runs vmm with a folder of its own."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="vmm-test.")
        self.addCleanup(folder.cleanup)
        self.folder = pathlib.Path(folder.name)

    def machine(self, name, **how):
        """A pretended machine that listens."""
        machine = Machine(self.folder, name, **how)
        self.addCleanup(machine.close)
        return machine

    def vmm(self, *words, **how):
        """The finished process of `vmm WORDS`."""
        env = {**os.environ, "XDG_RUNTIME_DIR": str(self.folder)}
        return subprocess.run([PROGRAM, *words], capture_output=True,
                              text=True, errors="surrogateescape",
                              timeout=60, check=False, env=env, **how)

    def well(self, *words):
        """What it prints, having done well."""
        done = self.vmm(*words)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        return done.stdout

    def refused(self, sentence, *words, status=2):
        """It says one sentence and ends with the status."""
        done = self.vmm(*words)
        self.assertEqual(done.stderr, f"Fatal: {sentence}\n")
        self.assertEqual(done.returncode, status)
        self.assertEqual(done.stdout, "")


class Names(ClientTest):
    def test_a_name_that_is_not_there_is_refused_with_the_closest(self):
        self.machine("web")
        for command in COMMANDS:
            self.refused("unknown virtual machine 'wbe' (did you mean "
                         "'web'?)", command, "wbe")
            self.refused("unknown virtual machine 'db'", command, "db")

    def test_a_path_is_no_name(self):
        self.machine("web")
        path = str(self.folder / "vmm/web.sock")
        self.assertEqual(self.well("pause", path), "")
        self.refused("./no: no virtual machine listens there", "pause",
                     "./no")

    def test_a_name_is_needed_and_one_is_enough(self):
        for command in COMMANDS:
            self.refused(f"{command} needs the name of a virtual machine "
                         "('vmm list' tells them)", command)
            self.refused("'': a virtual machine has a name", command, "")
        for command in ("stop", "pause", "resume", "stat", "mem", "console"):
            self.refused("'b': one virtual machine at a time", command, "a",
                         "b")

    def test_no_folder_is_no_machine(self):
        self.refused("unknown virtual machine 'web'", "stop", "web")
        self.assertEqual(json.loads(self.well("list", "--json")), [])


class Errors(ClientTest):
    def test_what_the_machine_refuses_is_told_with_its_name(self):
        self.machine("web", answers={"stop": b'{"error": {"class": '
                                     b'"GenericError", "desc": "not now"}}'})
        self.refused("web: not now", "pause", "web", status=1)

    def test_one_that_speaks_something_else_is_told(self):
        for first in (b"SSH-2.0-OpenSSH_9.2\r\n", b"[1]\r\n", b"{}}\r\n",
                      b'{"QMP"}\r\n'):
            machine = self.machine("web", first=first)
            self.refused("web: does not speak QMP", "pause", "web", status=1)
            machine.close()
            machine.path.unlink()

    def test_one_that_ends_is_told(self):
        self.machine("web", last=("stop",), silent=())
        self.machine("db", answers={"stop": b""}, last=("stop",))
        self.assertEqual(self.well("pause", "web"), "")
        self.refused("db: has ended", "pause", "db", status=1)


class List(ClientTest):
    def test_text_json_and_names_say_the_same(self):
        self.machine("web")
        self.machine("db", answers={"query-status": {
            "running": False, "status": "paused"}})
        found = json.loads(self.well("list", "--json"))
        self.assertEqual(found, [
            {"name": "db", "pid": os.getpid(), "status": "paused",
             "memory": 256 << 20, "cpus": 2},
            {"name": "web", "pid": os.getpid(), "status": "running",
             "memory": 256 << 20, "cpus": 2}])
        self.assertEqual(self.well("list", "--names"), "db\nweb\n")
        lines = self.well("list").splitlines()
        self.assertEqual([line.split() for line in lines], [
            ["NAME", "PID", "STATUS", "MEMORY", "CPUS"],
            ["db", str(os.getpid()), "paused", "256M", "2"],
            ["web", str(os.getpid()), "running", "256M", "2"]])
        self.refused("'web': list takes no such word", "list", "web")

    def test_dead_sockets_are_removed_and_other_files_are_not(self):
        live, dead = self.machine("live"), self.machine("dead")
        dead.close()
        other = live.path.with_name("file.sock")
        other.write_text("")
        note = live.path.with_name("note")
        note.write_text("")
        self.assertEqual(self.well("list", "--names"), "live\n")
        self.assertEqual(sorted(live.path.parent.iterdir()),
                         [other, live.path, note])

    def test_a_name_that_is_no_text_hides_no_other(self):
        self.machine("web")
        self.machine("z\udcff")
        self.assertEqual([machine["name"] for machine in
                          json.loads(self.well("list", "--json"))],
                         ["web", "z?"])

    def test_what_a_terminal_would_act_on_is_not_printed(self):
        self.machine("a\33[31m", answers={"query-status": {
            "running": True, "status": "run\33]0;"}})
        self.assertRegex(self.well("list"), r"a\?\[31m  .*  run\?\]0;  ")

    def test_one_that_does_not_answer_hides_no_other(self):
        self.machine("web")
        hung = self.machine("hung", silent=("query-status",))
        self.machine("mute", first=b"")
        self.machine("full", first=DROPPED)
        self.machine("late", answers={"query-cpus-fast": json.dumps(
            DROPPED).encode() + b"\r\n"}, last=("query-cpus-fast",))
        self.machine("over", last=("query-status",))
        self.assertEqual(
            [(m["name"], m["status"], m["cpus"])
             for m in json.loads(self.well("list", "--json"))],
            [("full", "busy", None), ("hung", "no answer", None),
             ("late", "busy", None), ("mute", "no answer", None),
             ("web", "running", 2)])
        # Each question that is not answered takes its time.
        self.assertEqual(hung.heard, ["qmp_capabilities", "query-status"])


BALLOON = {"ram": 2 << 30, "target": 1 << 30, "actual": 1536 << 20,
           "given-back": 600 << 20, "calls": 321, "failed": 0,
           "driver": True, "asked": True, "last-update": 5,
           "stats": {"free-memory": 1 << 20}}
FRESH = {"timestamp": {"seconds": 1, "microseconds": 2},
         "event": "X_VMM_BALLOON_STATS",
         "data": {"last-update": 6, "stats": {
             "free-memory": 100 << 20, "available-memory": 200 << 20}}}


def balloon(fresh=True, **other):
    """What a machine says of its balloon, with an event or without."""
    said = [{"return": {**BALLOON, **other}}] + [EVENT, FRESH] * fresh
    return {"x-vmm-balloon-stats": b"".join(
        json.dumps(message).encode() + b"\r\n" for message in said)}


class Balloon(ClientTest):
    def test_it_tells_what_the_guest_answers(self):
        self.machine("web", answers=balloon())
        self.assertEqual(self.well("balloon", "web").splitlines(), [
            "memory       1536.0 MiB of 2048.0 MiB, 1G wanted",
            "given back   600.0 MiB so far, in 321 calls",
            "free         100.0 MiB",
            "available    200.0 MiB"])
        told = json.loads(self.well("balloon", "web", "--json"))
        self.assertEqual(told, {**BALLOON, **FRESH["data"]})

    def test_a_guest_that_does_not_answer_is_told_as_it_last_was(self):
        self.machine("web", answers=balloon(fresh=False, failed=2))
        self.assertIn("free         1.0 MiB\n", self.well("balloon", "web"))
        self.assertIn("failed       2 of these calls: see the VMM's standard "
                      "error\n", self.well("balloon", "web"))

    def test_one_without_a_driver_is_not_waited_for(self):
        self.machine("web", answers=balloon(fresh=False, asked=False,
                                            driver=False, stats={}))
        start = time.monotonic()
        self.assertIn("guest        no balloon driver at work\n",
                      self.well("balloon", "web"))
        self.assertLess(time.monotonic() - start, 0.9)

    def test_a_size_is_asked_for_in_bytes(self):
        machine = self.machine("web", answers={"balloon": {}})
        for word, size in (("1G", 1 << 30), ("256", 256 << 20),
                           ("4096B", 4096)):
            self.assertEqual(self.well("balloon", "web", word), "")
            self.assertEqual(machine.arguments, {"value": size})

    def test_what_is_no_size_is_refused(self):
        for word, why in (("x", NO_SIZE),
                          ("0", "a guest needs memory"),
                          ("9000P", "too large"), ("99999P", "too large")):
            self.refused(f"'{word}': {why}", "balloon", "web", word)
        self.refused("'2G': a name and a size are all", "balloon", "web",
                     "1G", "2G")


def paged_out(**data):
    """What a machine says of a pageout, a moment after the reply."""
    return {"x-vmm-pageout": b"".join(
        json.dumps(message).encode() + b"\r\n" for message in (
            {"return": {}}, EVENT,
            {**EVENT, "event": "X_VMM_PAGEOUT", "data": data}))}


class Pageout(ClientTest):
    def test_what_is_asked_for_is_passed_on_and_the_end_told(self):
        machine = self.machine("web", answers=paged_out(**{
            "looked-at": 20 << 20, "paged-out": 15 << 19}))
        for word, arguments in (
                ("", {"idle-ms": 0}), ("=ram0", {"region": "ram0",
                                                 "idle-ms": 0}),
                ("=cold", {"idle-ms": 10000}),
                ("=cold:1500ms", {"idle-ms": 1500})):
            self.assertEqual(self.well("mem", f"--pageout{word}", "web"),
                             "paged out 7.5 MiB of 20.0 MiB\n")
            self.assertEqual(machine.arguments, arguments)
        self.assertEqual(
            json.loads(self.well("mem", "web", "--json", "--pageout")),
            {"looked-at": 20 << 20, "paged-out": 15 << 19})

    def test_coming_to_grief_is_told(self):
        self.machine("web", answers=paged_out(**{
            "looked-at": 1, "paged-out": 0, "error": "it is stuck"}))
        done = self.vmm("mem", "web", "--pageout")
        self.assertEqual((done.returncode, done.stderr),
                         (1, "Fatal: web: it is stuck\n"))

    def test_bad_words_are_refused(self):
        self.machine("web")
        for word, why in (("", "neither cold nor a region's name"),
                          ("cold:", "not a duration behind 'cold:', as in "
                           "30s"), ("cold:0s", "from 1ms to 24h"),
                          ("cold:25h", "from 1ms to 24h")):
            self.refused(f"--pageout {word or chr(39) * 2}: {why}", "mem",
                         "web", f"--pageout={word}")
        # Not sent on: without a region it would be all of the memory.
        self.refused("--pageout r\udcffm: memory has no such name", "mem", "web",
                     "--pageout=r\udcffm")
        for other in ("--map", "--watch"):
            self.refused(f"--pageout and {other}: one of the two", "mem",
                         "web", "--pageout", other)


def memory_device(name, most, block=2 << 20, **more):
    """What a machine says of memory that can grow, as QEMU does."""
    return {"type": "virtio-mem", "data": {
        "id": name, "memaddr": 3 << 30, "size": 0, "requested-size": 0,
        "max-size": most, "block-size": block, "node": 0,
        "memdev": f"/objects/{name}", **more}}


class Size(ClientTest):
    def growing(self, *devices):
        """A machine that started with 256 MiB, and what was asked of it."""
        asked = []
        machine = self.machine("web", answers={
            "query-memory-devices": list(devices),
            "qom-set": lambda arguments: asked.append(arguments) or {}})
        return machine, asked

    def test_what_is_beyond_the_start_is_asked_of_the_devices(self):
        _, asked = self.growing(memory_device("mem0", 64 << 20),
                                memory_device("mem1", 1 << 30, 4 << 20))
        for size, first, second in (("256M", 0, 0), ("300", 44, 0),
                                    ("324M", 64, 4), ("1344M", 64, 1024)):
            asked.clear()
            self.assertEqual(self.well("mem", "web", "--size", size), "")
            self.assertEqual(asked, [
                {"path": name, "property": "requested-size",
                 "value": value << 20}
                for name, value in (("mem0", first), ("mem1", second))])

    def test_a_size_it_cannot_have_is_refused(self):
        _, asked = self.growing(memory_device("mem0", 64 << 20))
        for size, why in (
                ("255M", "web started with 256M; 'vmm balloon' can take of "
                 "that"), ("321M", "web can have 320M at most"),
                ("257M", "web takes memory in blocks of 2M beyond what it "
                 "started with"),
                ("7E", f"--size 7E: {NO_SIZE}"),
                ("0", "--size 0: a guest needs memory"),
                ("9000P", "--size 9000P: too large")):
            self.refused(why, "mem", "web", "--size", size)
        self.refused("--size goes alone: it shows nothing", "mem", "web",
                     "--size", "1G", "--map")
        self.assertEqual(asked, [])

    def test_memory_that_does_not_grow_is_told(self):
        self.growing()
        done = self.vmm("mem", "web", "--size", "1G")
        self.assertEqual((done.returncode, done.stderr), (
            1, "Fatal: web: its memory does not grow (run with --mem "
            "SIZE,max=SIZE)\n"))

    def test_what_is_no_answer_is_none(self):
        for wrong in (memory_device("mem0", -1), {"type": "virtio-mem"},
                      memory_device("mem0", 1 << 30, 0),
                      memory_device(None, 1 << 30)):
            machine, _ = self.growing(wrong, memory_device(
                "mem1", (1 << 63) - 1), memory_device("mem2", (1 << 63) - 1))
            done = self.vmm("mem", "web", "--size", "1G")
            self.assertEqual((done.returncode, done.stderr), (
                1, "Fatal: web: unexpected reply about its memory\n"))
            machine.close()
            machine.path.unlink()


class Stop(ClientTest):
    def process(self, name, **how):
        """A pretended machine in a process of its own, which is still busy a
        while after its last client has gone. Returns a function that says what
        it heard once it has ended, as it has."""
        pipe, ours = os.pipe()
        child = os.fork()
        if child == 0:
            machine = Machine(self.folder, name, **how)
            os.write(ours, b"ready\n")
            machine.over.wait(120)
            time.sleep(0.3)
            os.write(ours, json.dumps(machine.heard).encode())
            os._exit(0)
        os.close(ours)
        self.addCleanup(os.close, pipe)
        self.assertEqual(os.read(pipe, 6), b"ready\n")

        def heard():
            self.assertEqual(os.waitpid(child, os.WNOHANG), (child, 0))
            return json.loads(os.read(pipe, 4096))
        return heard

    def test_it_presses_the_button_and_waits_for_the_end(self):
        heard = self.process("web", last=("system_powerdown",))
        self.assertEqual(self.well("stop", "web"), "")
        self.assertEqual(heard(), ["qmp_capabilities", "system_powerdown"])

    def test_by_force_it_quits(self):
        heard = self.process("web")
        self.assertEqual(self.well("stop", "--force", "web"), "")
        self.assertEqual(heard(), ["qmp_capabilities", "quit"])

    def test_one_that_does_not_end_in_time_is_told(self):
        self.machine("web", last=())
        self.refused("web: has not powered off in 300ms", "stop", "web",
                     "--timeout", "300ms", status=1)
        self.refused("--timeout soon: not a duration, as in 2s or 500ms",
                     "stop", "web", "--timeout", "soon")
        self.refused("--timeout 1000h: too long", "stop", "web", "--timeout",
                     "1000h")

    def test_one_without_a_button_is_told_with_the_cure(self):
        self.machine("web", answers={"system_powerdown": (
            b'{"error": {"class": "GenericError", "desc": "no button"}}')})
        self.refused("web: no button; --force ends it at once", "stop", "web",
                     status=1)

    def test_one_that_ends_before_it_answers_has_stopped(self):
        heard = self.process("web", answers={"quit": b""})
        self.assertEqual(self.well("stop", "-f", "web"), "")
        self.assertEqual(heard(), ["qmp_capabilities", "quit"])

    def test_json_tells_what_was_stopped(self):
        self.process("web", answers={"quit": b""})
        told = json.loads(self.well("stop", "-f", "--json", "web"))
        self.assertEqual((told["name"], told["status"]), ("web", "shutdown"))
        self.assertGreater(told["pid"], 0)


class Stat(ClientTest):
    def test_what_no_counter_can_be_is_no_harm(self):
        most = (1 << 63) - 1
        self.machine("web", answers={
            "query-status": {"status": "run\33]0;"},
            "x-vmm-query-stats": {"vm": {"a": most, "b\33": 1, "c": -most},
                                  "vcpus": [{"a": most, "c": -most}]}})
        text = self.well("stat", "web")
        self.assertRegex(text, rf"(?s), run\?\]0;\n.*\na +{most}\nb\? +1\n")
        self.assertNotRegex(text, r"(?m)^c ")

    def test_counters_are_summed_and_what_is_zero_is_left_out(self):
        self.machine("web")
        text = self.well("stat", "web")
        self.assertRegex(text, rf"machine +web, process {os.getpid()}, "
                         r"running\nvcpus +2\nmemory +256M, 3\.0 MiB of")
        self.assertRegex(text, r"(?m)^flushes +7\nexits +42$")
        self.assertNotIn("idle", text)
        self.assertNotIn("hist", text)
        self.assertNotIn("per second", text)

    def test_json_has_all_there_is(self):
        self.machine("web")
        self.assertEqual(json.loads(self.well("stat", "--json", "web")), {
            "name": "web", "pid": os.getpid(), "status": "running",
            "memory": 256 << 20, "stats": STATS})

    def test_a_path_that_is_no_text_is_told_all_the_same(self):
        path = str(self.machine("\udcffz").path)
        told = json.loads(self.well("stat", "--json", path))
        self.assertEqual(told["name"], path.replace("\udcff", "?"))

    def test_a_guest_that_restarts_counts_from_zero(self):
        first = [STATS]
        self.machine("web", answers={
            "x-vmm-query-stats": lambda _: first.pop() if first else {
                **STATS, "vcpus": [{"exits": 5}]}}, last=())
        with subprocess.Popen(
                [PROGRAM, "stat", "web", "--interval", "50ms"],
                stdout=subprocess.PIPE, text=True,
                env={**os.environ,
                     "XDG_RUNTIME_DIR": str(self.folder)}) as process:
            text = ""
            while "per second" not in text or "exits" not in (
                    text.partition("per second")[2]):
                text += process.stdout.readline()
            process.kill()
        self.assertRegex(text, r"(?m)^exits +5 +[1-9][0-9]*\.\d$")

    def test_a_watch_goes_on_until_the_guest_ends(self):
        self.machine("web", third="query-status")
        lines = self.well("stat", "web", "--interval=10ms",
                          "--json").splitlines()
        self.assertEqual(len(lines), 2)
        for line in lines:
            self.assertEqual(json.loads(line)["name"], "web")

    def test_a_watch_tells_what_changes(self):
        self.machine("web", third="query-status")
        self.assertRegex(self.well("stat", "web", "--interval", "10ms"),
                         r"exits +42 +0\.0")
        self.refused("--interval 0: longer than nothing", "stat", "web",
                     "--interval", "0")


class Completion(ClientTest):
    def test_names_are_offered_where_one_is_wanted(self):
        self.machine("web")
        self.machine("db")
        commands = (*COMMANDS, "version")
        script = (f". {ROOT}/docs/vmm.bash; for c in {' '.join(commands)}; "
                  f"do COMP_WORDS=({PROGRAM} $c ''); COMP_CWORD=2; _vmm; "
                  'echo "${COMPREPLY[@]}"; done; '
                  f"COMP_WORDS=({PROGRAM} stop --force w); COMP_CWORD=3; "
                  '_vmm; echo "${COMPREPLY[@]}"')
        done = subprocess.run(
            ["bash", "-c", script], capture_output=True, text=True, timeout=120,
            check=True,
            env={**os.environ, "XDG_RUNTIME_DIR": str(self.folder)})
        self.assertEqual(done.stdout, "db web\n" * len(commands) + "web\n")


if __name__ == "__main__":
    PROGRAM, ROOT = sys.argv[1], pathlib.Path(sys.argv[2])
    unittest.main(argv=sys.argv[:1])
