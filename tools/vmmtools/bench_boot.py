"""tools/bench boot: what a guest's life from start to power-off costs."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

from vmmtools.arch import Arch
from vmmtools.base import SOURCE_ROOT, Failure
from vmmtools.bench import Figure
from vmmtools.build import Build

RUN = ("vmm run --kernel /guest/Image --mem 256M "
       "--initrd {initrd} --params 'console=ttyS0 panic=-1 quiet{more}'")
BOOT = RUN.format(initrd="/guest/bench.cpio", more="")
MARKER = "at-the-prompt"
IDLE = RUN.format(initrd="/guest/initrd",
                  more=f' run="echo {MARKER}; sleep 1000"')

# The first boot fills the host's page cache. The results come last, a line
# each, and the guests' output goes nowhere.
SCRIPT = f"""
{BOOT} </dev/null >/dev/null || exit 1
/lab/vmm-measure count -- {BOOT} </dev/null 2>/tmp/count >/dev/null || exit 1
/lab/vmm-measure exits -- {BOOT} </dev/null 2>/tmp/exits >/dev/null || exit 1
/lab/vmm-measure rss {MARKER} -- {IDLE} </dev/null 2>/tmp/rss >/dev/null ||
    exit 1
tail -q -n 1 /tmp/count /tmp/exits /tmp/rss
"""


def run_in_lab(arch: Arch, script: str, *programs: Path,
               limit: int = 300) -> list[dict[str, int]]:
    """Runs a script that prints JSON objects, a line each; the programs are
    in /lab under their names."""
    files = [word for program in programs
             for word in ("--file", f"{program}:lab/{program.name}")]
    done = subprocess.run(
        [SOURCE_ROOT / "tools/lab", arch.name, "--icount", "--guest", "mini",
         "--timeout", str(limit), *files, "--", "sh", "-c", script],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        check=False)
    if done.returncode != 0:
        sys.stderr.write(done.stdout)
        raise Failure(f"the measured run ended with status {done.returncode}",
                      1)
    return [json.loads(line) for line in done.stdout.splitlines()
            if line.startswith("{")]


def measure_boot(arch: Arch) -> list[Figure]:
    """The figures of the second boot in a host that booted one before."""
    folder = Build(arch).make(
        ("tools/vmm", "tests/bench/vmm-measure")).parent.parent
    found: dict[str, int] = {}
    for part in run_in_lab(arch, SCRIPT,
                           folder / "tests/bench/vmm-measure"):
        found.update(part)
    return [
        Figure("vmm_user", "VMM user code, instructions", found["vmm_user"],
               440_000, "kvmtool 443 k, QEMU 91.9 M; we want 250 k"),
        Figure("guest", "guest, instructions", found["guest"]),
        Figure("host_kernel", "host kernel, instructions",
               found["host_kernel"]),
        Figure("all", "all, instructions", found["all"], 43_500_000,
               "kvmtool 43.5 M, QEMU 198 M; we want 40 M"),
        Figure("exits", "exits from the guest", found["exits"]),
        Figure("user_exits", "exits to user space", found["user_exits"]),
        Figure("rss_kib", "resident outside guest RAM, KiB",
               found["rss_kib"], 1229, "kvmtool 1.1 MiB, QEMU 54 MiB"),
    ]
