"""What a suite is, and what its runner is given."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from dataclasses import dataclass, field

from vmmtools.arch import ARCHES, Arch
from vmmtools.check.report import Report
from vmmtools.hostpkgs import Needs


@dataclass(frozen=True)
class Context:
    """One run of a suite."""

    report: Report
    jobs: int = 1
    patterns: tuple[str, ...] = ()
    """Of the tests' names; all tests if there is none."""
    fuzz_seconds: int = 20
    wait_for_kernels: Callable[[Arch], None] = lambda _: None
    """Returns when the kernels of an architecture's hosts and guests are
    there."""

    def wants(self, name: str) -> bool:
        """True if the user asked for this test."""
        return not self.patterns or any(
            fnmatch.fnmatchcase(name, pattern) for pattern in self.patterns)


@dataclass(frozen=True)
class Suite:
    """A group of tests with one way to run them."""

    name: str
    summary: str
    run: Callable[[Context], None]
    needs: Needs = field(default_factory=dict)
    fast: bool = False
    """True if tools/check --fast runs it."""
    seconds: int = 0
    """How long it takes two processors that have nothing else to do, about."""
    kernels: bool = False
    """True if it needs the kernels of hosts and guests."""
    named: bool = False
    """True if it runs only when it is named: it is long, and little breaks it.
    """


def lab_arches() -> list[Arch]:
    """The architectures whose hosts are tested: all there are."""
    return list(ARCHES.values())


def ported_arches() -> list[Arch]:
    """Those of them whose guests are."""
    return [arch for arch in lab_arches() if arch.ported]
