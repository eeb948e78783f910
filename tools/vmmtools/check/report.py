"""What became of each test: counted, logged, and told to the user."""

from __future__ import annotations

import shlex
import sys
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TextIO

from vmmtools.base import SOURCE_ROOT

CHECK_FOLDER = SOURCE_ROOT / "build" / "check"
SHOWN_LINES = 40
"""Of what a failed test said, so many last lines are shown."""


def tell(line: str) -> None:
    """A line of progress: on stdout, which is for the results here."""
    print(line, flush=True)


@dataclass
class Counts:
    """How many tests passed, failed, were skipped."""

    passed: int = 0
    failed: int = 0
    skipped: int = 0

    def add(self, other: Counts) -> None:
        """Adds the counts of another suite."""
        self.passed += other.passed
        self.failed += other.failed
        self.skipped += other.skipped

    def __str__(self) -> str:
        return (f"{self.passed} passed, {self.failed} failed, "
                f"{self.skipped} skipped")


@dataclass
class Report:
    """The results of one suite. Thread: any; it has a lock."""

    suite: str
    counts: Counts = field(default_factory=Counts)
    lock: threading.Lock = field(default_factory=threading.Lock)
    started: float = field(default_factory=time.monotonic)
    skips: dict[str, list[str]] = field(default_factory=dict)
    log: TextIO = field(init=False)

    def __post_init__(self) -> None:
        CHECK_FOLDER.mkdir(parents=True, exist_ok=True)
        self.log = self.log_path.open("w", errors="replace")

    @property
    def log_path(self) -> Path:
        """Everything the suite said."""
        return CHECK_FOLDER / f"{self.suite}.log"

    def write(self, text: str) -> None:
        """Add to the log."""
        with self.lock:
            self._write(text)

    def _write(self, text: str) -> None:
        self.log.write(text if text.endswith("\n") else text + "\n")
        self.log.flush()

    def passed(self, name: str, note: str = "") -> None:
        """One test passed."""
        with self.lock:
            self.counts.passed += 1
            self._write(f"PASS {name}{'  ' if note else ''}{note}")

    def skipped(self, name: str, reason: str) -> None:
        """One test cannot run here, for a reason."""
        reason = reason or "no reason given"
        with self.lock:
            self.counts.skipped += 1
            self.skips.setdefault(reason, []).append(name)
            self._write(f"SKIP {name}: {reason}")

    def failed(self, name: str, why: str, again: str = "") -> None:
        """One test failed: the end of why is shown, all of it is logged.

        `again` is what to give tools/check beside --suite to run it alone.
        """
        lines = why.rstrip().splitlines() or ["(it said nothing)"]
        with self.lock:
            self.counts.failed += 1
            self._write(f"FAIL {name}\n" + "\n".join(lines))
            tell(f"FAIL {self.suite}: {name}")
            if len(lines) > SHOWN_LINES:
                tell(f"     ... {len(lines) - SHOWN_LINES} lines before")
            for line in lines[-SHOWN_LINES:]:
                tell(f"     {line}")
            again = f" {again}" if again else ""
            tell(f"     log: {self.log_path.relative_to(SOURCE_ROOT)}; again: "
                 f"tools/check --suite {self.suite}{again}")

    def close(self) -> Counts:
        """Tell the sum; a suite in which nothing ran has failed."""
        if not sum((self.counts.passed, self.counts.failed,
                    self.counts.skipped)):
            self.failed("(suite)", "no test was run")
        for reason, names in self.skips.items():
            shown = ", ".join(names[:4]) + (", ..." if names[4:] else "")
            tell(f"SKIP {self.suite}: {shown}: {reason}")
        seconds = time.monotonic() - self.started
        tell(f"check: {self.suite:11} {self.counts}  ({seconds:.0f} s)")
        self.log.close()
        return self.counts


def only(name: str) -> str:
    """The words that make tools/check run one test alone."""
    return f"--test {shlex.quote(name)}"


def crashed(report: Report, error: BaseException, trace: str) -> None:
    """The runner of a suite ended early: that is a failure of the suite."""
    report.failed("(runner)", f"{trace}\n{type(error).__name__}: {error}")


def final(counts: Counts) -> int:
    """The last line, and the exit status that goes with it."""
    sys.stderr.flush()
    tell(str(counts))
    return 1 if counts.failed else 0


def joined(words: Sequence[str | Path]) -> str:
    """A command as a shell would take it."""
    return shlex.join(str(word) for word in words)
