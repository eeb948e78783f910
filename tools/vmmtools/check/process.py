"""Child programs of tools/check: each with a time limit, none left behind."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from vmmtools.base import SOURCE_ROOT, Failure
from vmmtools.check.report import Report, joined

Item = TypeVar("Item")
Result = TypeVar("Result")
GRACE = 10
"""Seconds between asking a program to end, and ending it."""

_running: set[subprocess.Popen[str]] = set()
_told_to_end = False
_lock = threading.Lock()
"""Of both. Held while a program is started, so that none is missed."""


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


def _end(children: Iterable[subprocess.Popen[str]]) -> None:
    """Ask programs to end, and end those that do not."""
    for child in children:
        _signal_group(child, signal.SIGTERM)
    deadline = time.monotonic() + GRACE
    for child in children:
        try:
            child.wait(max(deadline - time.monotonic(), 0))
        except subprocess.TimeoutExpired:
            pass
        # This also ends what the program itself has left running.
        _signal_group(child, signal.SIGKILL)


def end_all() -> None:
    """End every program that is running, and let no other start."""
    global _told_to_end  # pylint: disable=global-statement
    with _lock:
        _told_to_end = True
        children = list(_running)
    _end(children)


def at_once(jobs: int, run: Callable[[Item], Result],
            items: Iterable[Item]) -> list[Result]:
    """Run something for each item, as many at a time as there are jobs.

    Returns the results in the order of the items. Errors come through. A
    signal that ends tools/check ends the programs of `call` as well.

    Only the main thread can get an exception from a signal, and it does
    nothing but wait here, so no program can be started and then forgotten.
    """
    with ThreadPoolExecutor(jobs) as pool:
        try:
            return [done.result()
                    for done in [pool.submit(run, item) for item in items]]
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

    Its output is kept in the order of writing, and added to the log.
    """
    words = [str(word) for word in command]
    ended = at_once(1, lambda more: _run(words, limit, cwd, more),
                    [{**os.environ, **(env or {})}])[0]
    if report:
        report.write(f"$ {joined(command)}\n{ended.text}# {ended}")
    return ended


def _run(words: list[str], limit: float, cwd: Path,
         env: dict[str, str]) -> Ended:
    """What `call` does. Thread: not the main one."""
    late = False
    with _start(words, cwd, env) as child:
        try:
            text, _ = child.communicate(timeout=limit)
        except subprocess.TimeoutExpired:
            late = True
            _end([child])
            text, _ = child.communicate()
        finally:
            _signal_group(child, signal.SIGKILL)
            with _lock:
                _running.discard(child)
    return Ended(child.returncode, text or "", late)


def _start(words: list[str], cwd: Path,
           env: dict[str, str]) -> subprocess.Popen[str]:
    """Start a program, and note that it runs."""
    with _lock:
        if _told_to_end:
            raise Failure(f"{words[0]}: not started, as tools/check is ending")
        try:
            child = subprocess.Popen(
                words, cwd=cwd, env=env, stdin=subprocess.DEVNULL,
                stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
                encoding="utf-8", errors="replace", start_new_session=True)
        except FileNotFoundError as error:
            raise Failure(f"{words[0]}: not installed") from error
        _running.add(child)
    return child
