"""tools/bench migrate: what it costs to send a guest to another vmm.

Instructions are counted in the lab, for arm64; the speed is this machine's.
"""

from __future__ import annotations

from vmmtools.arch import Arch
from vmmtools.bench import Figure, require_counts, run_in_lab
from vmmtools.bench_native import measure
from vmmtools.build import Build

MIB = 64
"""What moves in the lab."""


def measure_migrate(arch: Arch) -> list[Figure]:
    """The figures, beside those of a program that sends memory and no more."""
    require_counts(arch, "migrate")
    speed = measure("migrate")
    program = Build(arch).make(
        ("tools/vmm", "tests/bench/vmm-bench-migrate")).parent.parent \
        / "tests/bench/vmm-bench-migrate"
    counted, = run_in_lab(arch, f"/lab/vmm-bench-migrate {MIB}", [program])
    figures = []
    for key, text in (("full", "full memory"),
                      ("mixed", "half of it zero")):
        floor = counted[f"{key}_floor_user"]
        figures += [
            Figure(f"{key}_user", f"{text}: VMM user code, instructions per "
                   "MiB", counted[f"{key}_user"], floor * 3 // 2),
            Figure(f"{key}_floor_user", "  its floor", floor),
            Figure(f"{key}_mib_s", f"{text}: MiB in a second, here",
                   speed[f"{key}_mib_s"]),
            Figure(f"{key}_floor_mib_s", "  the floor's",
                   speed[f"{key}_floor_mib_s"]),
        ]
    return figures
