"""Child programs of tools/check: each with a time limit, none left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from vmmtools.base import SOURCE_ROOT, Failure
from vmmtools.check.report import Report, joined

Item = TypeVar("Item")
GRACE = 10
"""Seconds between asking a program to end, and ending it."""

_running: set[subprocess.Popen[str]] = set()
_lock = threading.Lock()


@dataclass(frozen=True)
class Ended:
    """How a program ended, and what it said on stdout and stderr."""

    status: int
    text: str
    late: bool = False

    @property
    def good(self) -> bool:
        """True if it ended by itself with status 0."""
        return self.status == 0 and not self.late

    def __str__(self) -> str:
        if self.late:
            return "ran out of time"
        if self.status < 0:
            return f"killed by {signal.Signals(-self.status).name}"
        return f"status {self.status}"


def _signal_group(child: subprocess.Popen[str], number: int) -> None:
    """Signal all processes of a program that was started here."""
    try:
        os.killpg(child.pid, number)
    except ProcessLookupError:
        pass


def _end(child: subprocess.Popen[str]) -> None:
    _signal_group(child, signal.SIGTERM)
    try:
        child.wait(GRACE)
    except subprocess.TimeoutExpired:
        pass
    # What the program itself has left running goes with it.
    _signal_group(child, signal.SIGKILL)


def end_all() -> None:
    """End every program that is still running; for the end of tools/check."""
    with _lock:
        children = list(_running)
    for child in children:
        _end(child)


def at_once(jobs: int, run: Callable[[Item], None],
            items: Iterable[Item]) -> None:
    """Run something for each item, as many at a time as there are jobs.

    Errors come through. Told to end, it ends what is running.
    """
    with ThreadPoolExecutor(jobs) as pool:
        try:
            for done in [pool.submit(run, item) for item in items]:
                done.result()
        except (KeyboardInterrupt, SystemExit):
            pool.shutdown(wait=False, cancel_futures=True)
            end_all()
            raise


def call(
    command: Sequence[str | Path],
    *,
    limit: float,
    report: Report | None = None,
    env: Mapping[str, str] | None = None,
    cwd: Path = SOURCE_ROOT,
) -> Ended:
    """Run a program to its end or its time limit, in seconds.

    What it says is kept, in the order it was said, and added to the log.
    """
    try:
        child = subprocess.Popen(
            [str(word) for word in command], cwd=cwd,
            env={**os.environ, **(env or {})}, stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
            encoding="utf-8", errors="replace", start_new_session=True)
    except FileNotFoundError as error:
        raise Failure(f"{command[0]}: not installed") from error
    with _lock:
        _running.add(child)
    late = False
    with child:
        try:
            text, _ = child.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            late = True
            _end(child)
            text, _ = child.communicate()
        finally:
            if child.poll() is None:
                _end(child)  # We are told to end.
            else:
                _signal_group(child, signal.SIGKILL)
            with _lock:
                _running.discard(child)
    ended = Ended(child.returncode, text or "", late)
    if report:
        report.write(f"$ {joined(command)}\n{ended.text}# {ended}")
    return ended
