"""Debian's gdb-multiarch on this machine drives a guest in the lab."""

import subprocess
import tempfile
import unittest
from pathlib import Path

from common import ARM64, LAB
from vmmtools.base import SOURCE_ROOT
from vmmtools.hostpkgs import ensure

GUEST = "tests/kvm/arm64/count.elf"
SERVE = """
vmm run --kernel /lab/count.elf --mem 64M --cpus 2 --name g \\
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
file {guest}
target remote | {lab} arm64 -i --timeout 250 --file {guest}:/lab/count.elf \\
--file {serve}:/lab/serve -- sh /lab/serve
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


class GdbTest(unittest.TestCase):
    """vmm gdb"""

    def test_gdb_breaks_watches_steps_and_leaves(self):
        ensure({"gdb-multiarch": "gdb-multiarch"}, "debug a guest")
        build = subprocess.run(
            [SOURCE_ROOT / "tools/build", ARM64.name, "--target", GUEST],
            stdout=subprocess.PIPE, text=True, check=True).stdout.strip()
        with tempfile.TemporaryDirectory() as folder:
            serve, script = Path(folder, "serve"), Path(folder, "script")
            serve.write_text(SERVE, "ascii")
            script.write_text(SCRIPT.format(
                guest=Path(build, GUEST), lab=LAB, serve=serve), "ascii")
            done = subprocess.run(
                ["gdb-multiarch", "-q", "-nx", "-batch", "-x", script],
                stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT, text=True, check=False,
                timeout=300)
        for said in (r"g +\d+ +debug ", r"hit Breakpoint 1, 0x\w+ in main \(\)",
                     r"#0 +0x\w+ in main \(\)",
                     r"Hardware watchpoint 2: \*\(long \*\)&count",
                     r"Old value = 0\nNew value = [1-9]", r"\$1 = 0\n",
                     r"Thread 2 hit Breakpoint 3.*in run \(\)",
                     r"\* 2 +Thread 2 \(CPU 1\)", r"#0 +0x\w+ in run \(\)",
                     r"=> 0x\w+ <run.*>:\t(?!brk)", r"\$2 = 1\n",
                     r"\[Inferior 1 \(Remote target\) detached\]"):
            self.assertRegex(done.stdout, said)


if __name__ == "__main__":
    unittest.main()
