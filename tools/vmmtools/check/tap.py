"""Reads TAP, the form in which test programs tell their results."""

from __future__ import annotations

import re
from dataclasses import dataclass

LINE = re.compile(r"(not )?ok\b\s*(\d+)?\s*(?:-\s*)?([^#]*)(?:#\s*(.*))?$")
PLAN = re.compile(r"1\.\.(\d+)\s*(?:#\s*skip\S*\s*(.*))?$", re.I)
DIRECTIVE = re.compile(r"(skip|todo)\S*\s*(.*)$", re.I)
# What tests/unit/test.h's SKIP says, before the line of the test.
SKIPPED = re.compile(r"# skipped: (.*)$")


@dataclass
class Result:
    """One line of results."""

    name: str
    good: bool
    skip: str | None = None
    """The reason, if it was skipped."""
    said: str = ""
    """What followed it: the comments that belong to it."""


@dataclass
class Tap:
    """What a program's output says."""

    results: list[Result]
    fault: str = ""
    """Why the output as a whole is no good: it broke off, or the like."""
    skip: str | None = None
    """The reason, if the whole program was skipped."""


def parse(text: str) -> Tap:
    """Read the output of a program; lines that are no TAP are comments."""
    tap = Tap([])
    planned: int | None = None
    reason: str | None = None
    for raw in text.splitlines():
        line = raw.strip()
        if match := PLAN.match(line):
            planned = int(match[1])
            if planned == 0:
                tap.skip = match[2] or "no reason given"
        elif line.startswith("Bail out!"):
            tap.fault = line
        elif match := LINE.match(line):
            name = match[3].strip() or f"test {len(tap.results) + 1}"
            directive = DIRECTIVE.match(match[4] or "")
            skip, reason = reason, None
            if directive and directive[1].lower() == "skip":
                skip = directive[2].strip() or "no reason given"
            tap.results.append(Result(name, not match[1], skip))
        elif match := SKIPPED.match(line):
            reason = match[1]
        elif line and tap.results:
            tap.results[-1].said += f"{raw}\n"
    if planned is None and not tap.fault:
        tap.fault = "the output has no plan (1..N)"
    elif planned is not None and planned != len(tap.results):
        tap.fault = tap.fault or (f"{planned} tests were planned, "
                                  f"{len(tap.results)} told a result")
    return tap
