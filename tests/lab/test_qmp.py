"""QEMU's own QMP client, from its source package, drives a guest in the lab."""

import asyncio
import importlib
import shutil
import socket
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

from common import ARM64, LAB
from vmmtools.apt import unpack_source
from vmmtools.base import SOURCE_ROOT, cache_dir, make_once, recipe_key
from vmmtools.hostpkgs import ensure

sys.path.append(str(SOURCE_ROOT / "tests"))
socat = importlib.import_module("boot.qmp").socat

VERSION = "1:7.2+dfsg-7+deb12u18"
GUEST = "tests/kvm/arm64/count.elf"
# The guest's socket is the input and output of this.
SERVE = """
vmm run --kernel /lab/count.elf --mem 64M --name q --timeout 200s \\
    </dev/null >/tmp/said 2>&1 &
until vmm stat q >/dev/null 2>&1; do :; done
/lab/socat/ld-linux-aarch64.so.1 --library-path /lab/socat /lab/socat/socat \\
    - UNIX-CONNECT:/run/vmm/q.sock
wait $!
"""
UNASKED = ("query-version", "query-status", "query-name", "query-uuid",
           "query-kvm", "query-target", "query-machines", "query-block",
           "query-chardev", "query-cpus-fast", "query-commands")
"""What programs ask a QEMU before their user does anything."""
WRONG = (
    ("balloon", {"value": 10 ** 30}),
    ("balloon", {"value": -10 ** 30}),
    ("balloon", {"value": "\0"}),
    ("qom-get", {"path": "\0", "property": "x"}),
    ("stop", {"\0": 1}),
    ("nosuch\0", {}),
    ("nosuch", {}),
)


def client_folder():
    """A folder with the package qemu.qmp."""
    def make(folder):
        ensure({"dpkg-source": "dpkg-dev"}, "unpack QEMU's client")
        with tempfile.TemporaryDirectory(dir=cache_dir("src")) as scratch:
            source = unpack_source(ARM64, "qemu", VERSION, Path(scratch))
            shutil.copytree(source / "python/qemu/qmp", folder / "qemu/qmp")

    return make_once(
        cache_dir("programs") / f"qemu-qmp-{recipe_key(VERSION)}", make)


async def talk(qmp, path):
    """What the client got: answers, words of errors, events."""
    client = qmp.QMPClient("test")
    answers, errors, events = {}, [], []
    with client.listener() as listener:
        await client.connect(str(path))
        for command in UNASKED:
            answers[command] = await client.execute(command)
        for command, arguments in WRONG:
            try:
                await client.execute(command, arguments)
            except qmp.ExecuteError as error:
                errors.append(error.error_class)
        for command in ("stop", "cont"):
            await client.execute(command)
            events.append((await listener.get())["event"])
            answers[command] = await client.execute("query-status")
        await client.execute("quit")
        events.append((await listener.get())["event"])
        await client.disconnect()
    return answers, errors, events


async def drive(qmp, path, command):
    """The client talks to a command, whose input and output is the socket that
    it connects to: what it got."""
    with socket.socket(socket.AF_UNIX) as door:
        door.bind(str(path))
        door.listen(1)
        said = asyncio.ensure_future(talk(qmp, path))
        there = await asyncio.to_thread(door.accept)
    with there[0] as guest:
        lab = await asyncio.create_subprocess_exec(*command, stdin=guest,
                                                   stdout=guest)
    try:
        got = await said
        status = await lab.wait()
    finally:
        if lab.returncode is None:
            lab.terminate()
            await lab.wait()
    if status != 0:
        raise AssertionError(f"tools/lab ended with status {status}")
    return got


class QmpTest(unittest.TestCase):
    """QEMU's client"""

    def test_queries_errors_events_and_the_end(self):
        sys.path.append(str(client_folder()))
        qmp = importlib.import_module("qemu.qmp")
        build = subprocess.run(
            [SOURCE_ROOT / "tools/build", ARM64.name, "--target", GUEST],
            stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
        with tempfile.TemporaryDirectory() as folder:
            serve, path = Path(folder, "serve"), Path(folder, "q.sock")
            serve.write_text(SERVE, "ascii")
            files = [f"--file={source}:{target}" for source, target in [
                *socat(), (Path(build, GUEST), "/lab/count.elf"),
                (serve, "/lab/serve")]]
            answers, errors, events = asyncio.run(drive(qmp, path, [
                LAB, "arm64", "-i", "--timeout", "250", *files, "--", "sh",
                "/lab/serve"]))
        self.assertEqual(answers["query-status"]["status"], "running")
        self.assertEqual(answers["query-name"], {"name": "q"})
        self.assertEqual(answers["query-block"], [])
        self.assertEqual(len(answers["query-cpus-fast"]), 1)
        self.assertEqual(answers["stop"]["status"], "paused")
        self.assertEqual(answers["cont"]["status"], "running")
        self.assertEqual(errors, ["GenericError"] * 6 + ["CommandNotFound"])
        self.assertEqual(events, ["STOP", "RESUME", "SHUTDOWN"])


if __name__ == "__main__":
    unittest.main()
