"""tools/bench discard, snapshot, view, walk: memory work, timed on this machine.

No guest and no KVM is there, so it need be of no architecture that vmm knows.
Time is not exact as instructions are: each figure is the best of some, and
stands beside its floor, the least that any program would have to do.
"""

from __future__ import annotations

import json
import platform
import subprocess
from typing import Any

from vmmtools import hostpkgs
from vmmtools.arch import Arch
from vmmtools.base import (SOURCE_ROOT, Failure, cache_dir, locked, recipe_key,
                           run)
from vmmtools.bench import Figure

FOLDER = SOURCE_ROOT / "build-bench"


def measure(name: str) -> dict[str, Any]:
    """Builds tests/bench/NAME.c for this machine; what it says."""
    program = f"tests/bench/vmm-bench-{name}"
    with locked(cache_dir("locks") / f"build-{recipe_key(str(FOLDER))}"):
        if not (FOLDER / "build.ninja").exists():
            hostpkgs.ensure(hostpkgs.build_needs(None),
                            f"build for {platform.machine()}")
            run(["meson", "setup", "-Dbuildtype=debugoptimized", FOLDER,
                 SOURCE_ROOT], quiet=True)
        run(["ninja", "--quiet", "-C", FOLDER, program], quiet=True)
    done = subprocess.run([FOLDER / program], stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode != 0:
        raise Failure(f"{program}: ended with status {done.returncode}")
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def measure_discard(_arch: Arch) -> list[Figure]:
    """8 GiB that was touched goes back to the host."""
    found = measure("discard")
    figures = []
    for pages, text in (("huge", "huge pages"), ("small", "small pages")):
        for way, how in (("range", "in one range"),
                         ("frames", "frame by frame"),
                         ("floor", "the floor: one madvise(2)")):
            figures.append(Figure(
                f"{pages}_{way}_us",
                f"{found['gib']} GiB of {text}, {how}: microseconds",
                found[f"{pages}_{way}_us"]))
    return figures


def in_us(found: dict[str, Any], key: str) -> int:
    """A number of milliseconds in microseconds."""
    return round(1000 * found[key])


def measure_view(_arch: Arch) -> list[Figure]:
    """What vmm mem asks the kernel about 512 GiB."""
    found = measure("residency")
    return [
        Figure("sparse_us", "512 GiB sparse: microseconds",
               in_us(found, "sparse_512g_ms")),
        Figure("floor_us", "  its floor: one PAGEMAP_SCAN",
               in_us(found, "floor_one_scan_ms")),
        Figure("step_us", "1 GiB of touched 4 KiB pages, a step",
               in_us(found, "dense_1g_ms"), 4000),
        Figure("reading_us", "512 GiB sparse, without PAGEMAP_SCAN",
               in_us(found, "reading_512g_ms")),
    ]


def measure_walk(_arch: Arch) -> list[Figure]:
    """The dirty bitmap of 512 GiB."""
    found = measure("dirty")
    return [
        Figure("all_us", "512 GiB, every page dirty: microseconds",
               in_us(found, "walk_all_ms"), 5000),
        Figure("floor_us", "  its floor: the bitmap read once",
               in_us(found, "floor_read_ms")),
        Figure("sparse_us", "512 GiB, a page in each 64 MiB dirty",
               in_us(found, "walk_sparse_ms")),
        Figure("half_us", "512 GiB, every other page dirty",
               in_us(found, "walk_half_ms")),
    ]


def measure_snapshot(_arch: Arch) -> list[Figure]:
    """For how long a guest stands still for a diff of 57 MiB."""
    found = measure("snapshot")
    return [
        Figure("live_2g_us", "2 GiB, 4 MiB change before the pause: "
               "microseconds of CPU in it", found["live_2g_us"], 8000),
        Figure("floor_2g_us", "  its floor: a bitmap read, 4 MiB written",
               found["floor_2g_us"]),
        Figure("live_64g_us", "64 GiB, the same", found["live_64g_us"], 8000),
        Figure("floor_64g_us", "  its floor", found["floor_64g_us"]),
        Figure("live_none_us", "2 GiB, nothing changes",
               found["live_none_us"]),
        Figure("paused_us", "2 GiB, all 57 MiB in the pause",
               found["paused_us"]),
        Figure("floor_paused_us", "  its floor", found["floor_paused_us"]),
    ]
