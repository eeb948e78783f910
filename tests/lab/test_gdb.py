"""Debian's gdb-multiarch on this machine drives guests in the lab."""

import subprocess
import tempfile
import unittest
from pathlib import Path

from common import ARM64, LAB
from vmmtools.base import SOURCE_ROOT
from vmmtools.hostpkgs import ensure
from vmmtools.images import find_kernel

GUEST = "tests/kvm/arm64/count.elf"
SERVE = """
vmm run {guest} --cpus 2 --name g \\
    --gdb /tmp/g.sock,wait </dev/null >/tmp/said 2>&1 &
until [ -S /tmp/g.sock ] && vmm list 2>/dev/null | grep debug >&2; do :; done
vmm gdb g
vmm list >&2
vmm stop --force g
"""
SCRIPT = """
set pagination off
set confirm off
set remotetimeout 200
file {program}
{connect}
hbreak main
continue
backtrace 1
watch *(long *)&count
continue
delete
set $before = $pc
stepi
print $pc == $before
break run
continue
info threads
backtrace 1
x/i $pc
delete
thread 1
print *(long *)&count != 0
monitor nothing
detach
"""


LINUX = """
set pagination off
set confirm off
set remotetimeout 200
symbol-file {symbols}
{connect}
hbreak start_kernel
continue
backtrace 1
print *(int *)&system_state
delete
watch *(int *)&system_state
continue
backtrace 2
delete
info threads
set $before = $pc
stepi
print $pc == $before
break do_idle
continue
backtrace 1
delete
detach
"""


def drive(script, guest, connect_options="", **words):
    """Runs gdb with a script that connects to a guest in the lab: its output."""
    ensure({"gdb-multiarch": "gdb-multiarch"}, "debug a guest")
    with tempfile.TemporaryDirectory() as folder:
        serve, said = Path(folder, "serve"), Path(folder, "script")
        serve.write_text(SERVE.format(guest=guest), "ascii")
        connect = (f"target remote | {LAB} arm64 -i --timeout 250 "
                   f"{connect_options} --file {serve}:/lab/serve "
                   "-- sh /lab/serve")
        said.write_text(script.format(connect=connect, **words), "ascii")
        return subprocess.run(
            ["gdb-multiarch", "-q", "-nx", "-batch", "-x", said],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT, text=True, check=False,
            timeout=300).stdout


class GdbTest(unittest.TestCase):
    """vmm gdb"""

    def check(self, said, *expected):
        """What gdb said has all of these."""
        for pattern in expected:
            self.assertRegex(said, pattern)

    def test_gdb_breaks_watches_steps_and_leaves(self):
        build = subprocess.run(
            [SOURCE_ROOT / "tools/build", ARM64.name, "--target", GUEST],
            stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
        guest = Path(build, GUEST)
        self.check(
            drive(SCRIPT, "--kernel /lab/count.elf --mem 64M",
                  f"--file {guest}:/lab/count.elf", program=guest),
            r"g +\d+ +debug ", r"hit Breakpoint 1, 0x\w+ in main \(\)",
            r"#0 +0x\w+ in main \(\)",
            r"Hardware watchpoint 2: \*\(long \*\)&count",
            r"Old value = 0\nNew value = [1-9]", r"\$1 = 0\n",
            r"Thread 2 hit Breakpoint 3.*in run \(\)",
            r"\* 2 +Thread 2 \(CPU 1\)", r"#0 +0x\w+ in run \(\)",
            r"=> 0x\w+ <run.*>:\t(?!brk)", r"\$2 = 1\n",
            r"\[Inferior 1 \(Remote target\) detached\]")

    def test_gdb_follows_linux_from_its_first_function(self):
        kernel = find_kernel(ARM64, "lab")
        kernel.get()
        self.check(
            drive(LINUX, "--kernel /guest/Image --initrd /guest/initrd "
                  "--mem 128M", "--guest full", symbols=kernel.symbols),
            r"hit Breakpoint 1, 0x\w+ in start_kernel \(\)",
            r"#0 +0x\w+ in start_kernel \(\)\n\$1 = 0\n",
            r"Hardware watchpoint 2: \*\(int \*\)&system_state\n\n"
            r"Old value = 0\nNew value = 1\n",
            r"#0 +0x\w+ in rest_init \(\)\n#1 +0x\w+ in start_kernel \(\)",
            r"\* 1 +Thread 1 \(CPU 0\)", r"\$2 = 0\n",
            r"hit Breakpoint 3, 0x\w+ in do_idle \(\)",
            r"\[Inferior 1 \(Remote target\) detached\]")


if __name__ == "__main__":
    unittest.main()
