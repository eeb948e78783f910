"""What benches share: figures with a goal, as a table or as JSON; lab runs."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from vmmtools.arch import Arch
from vmmtools.base import SOURCE_ROOT, Failure
from vmmtools.images import find_kernel
from vmmtools.lab import GUESTS, HOSTS


@dataclass
class Figure:
    """One number of a bench."""

    key: str  # in JSON
    text: str  # for people
    value: int
    limit: int | None = None  # at most this
    rival: str = ""  # what others need for the same


def report(figures: list[Figure], as_json: bool) -> str:
    """The figures in one of the two forms every bench answers in."""
    if as_json:
        return json.dumps({f.key: f.value for f in figures}) + "\n"
    width = max(len(f.text) for f in figures)
    lines = []
    for figure in figures:
        line = f"{figure.text:{width}}  {figure.value:>12,}"
        if figure.limit is not None:
            verdict = "ok" if figure.value <= figure.limit else "OVER"
            line += f"  {verdict}: at most {figure.limit:,}"
        if figure.rival:
            line += f" ({figure.rival})"
        lines.append(line)
    return "\n".join(lines) + "\n"


def require_counts(arch: Arch, bench: str) -> None:
    """Refuse what nothing can be said of without counted instructions."""
    if not arch.counts:
        raise Failure(f"{bench}: {arch.name} hosts count no instructions by "
                      "kind; there is boot", 2)


def run_in_lab(arch: Arch, script: str, files: Iterable[Path],
               limit: int = 300) -> list[dict[str, int]]:
    """Run a script that prints JSON objects, a line each, with vmm as it is
    built; the files are in /lab under their names.

    Figures are of these kernels alone, so they are built if they are not at
    hand: others would give other figures.
    """
    kernels = [HOSTS[arch.name]["4k"], GUESTS[arch.name]["mini"]]
    for kernel in kernels:
        find_kernel(arch, kernel).get()
    words = [word for file in files
             for word in ("--file", f"{file}:lab/{file.name}")]
    done = subprocess.run(
        [SOURCE_ROOT / "tools/lab", arch.name, "--no-build", "--icount",
         "--host", kernels[0], "--guest", kernels[1],
         "--timeout", str(limit), *words, "--", "sh", "-c", script],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, text=True,
        check=False)
    if done.returncode != 0:
        sys.stderr.write(done.stdout)
        raise Failure(f"the measured run ended with status {done.returncode}")
    return [json.loads(line) for line in done.stdout.splitlines()
            if line.startswith("{")]
