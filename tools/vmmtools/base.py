"""Ground for every tool: one kind of failure, places, locks, child programs."""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import json
import os
import shlex
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Container, Iterator, Sequence
from pathlib import Path
from typing import IO, Any, NoReturn

SOURCE_ROOT = Path(__file__).resolve().parent.parent.parent
UNUSED_DAYS = 14
"""For so long an entry of the cache stays that nobody uses."""


class Failure(Exception):
    """One sentence for the user; `tool_main` prints it and ends with status."""

    def __init__(self, message: str, status: int = 1) -> None:
        super().__init__(message)
        self.status = status


def say(message: str) -> None:
    """Tell the user what is being done: on stderr, stdout is for results."""
    path = Path(sys.argv[0])
    name = path.parent.name if path.stem == "__main__" else path.stem
    print(f"{name}: {message}", file=sys.stderr, flush=True)


def hint(message: str) -> None:
    """Tell what only a person who watches wants to know."""
    if sys.stderr.isatty():
        say(message)


def _end(number: int, _frame: Any) -> NoReturn:
    sys.exit(128 + number)


def tool_main(main: Callable[[], int]) -> NoReturn:
    """Run a tool: its status, one line for a Failure, silence for Ctrl-c.

    When it is told to end, it does so as by an exception: what it made for
    the moment goes with it.
    """
    signal.signal(signal.SIGTERM, _end)
    try:
        sys.exit(main())
    except Failure as failure:
        say(str(failure))
        sys.exit(failure.status)
    except KeyboardInterrupt:
        sys.exit(128 + signal.SIGINT)
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        sys.exit(128 + signal.SIGPIPE)
    except OSError as error:
        say(str(error))
        sys.exit(1)


def cache_dir(*parts: str) -> Path:
    """A folder in the cache ($VMM_CACHE, else ~/.cache/vmm), made if none."""
    root = os.environ.get("VMM_CACHE")
    home = os.environ.get("XDG_CACHE_HOME", "~/.cache")
    base = Path(root) if root else Path(home).expanduser() / "vmm"
    path = base.joinpath(*parts)
    path.mkdir(parents=True, exist_ok=True)
    return path.resolve()


def recipe_key(*parts: Any) -> str:
    """Name a recipe by its content: a changed recipe gets another key."""
    text = json.dumps(parts, sort_keys=True, default=str)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def file_sha256(path: Path) -> str:
    """The SHA-256 of a file, as hexadecimal digits."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def _is_open(path: Path, file: IO[str]) -> bool:
    """True if it is the file at `path`, and not one that was removed."""
    with contextlib.suppress(FileNotFoundError):
        return os.path.samestat(path.stat(), os.fstat(file.fileno()))
    return False


@contextlib.contextmanager
def locked(path: Path, *, wait: bool = True) -> Iterator[None]:
    """Hold the lock file `path`: one of several runs works, the others wait,
    or have a BlockingIOError. Who holds it may remove it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    while True:
        with path.open("a") as file:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if not wait:
                    raise
                hint(f"waiting for another run that holds {path}")
                fcntl.flock(file, fcntl.LOCK_EX)
            if _is_open(path, file):
                yield
                return


def make_once(target: Path, make: Callable[[Path], None]) -> Path:
    """Make the file or folder `target` unless it is there already.

    `make` fills a temporary folder with an entry named as the target; the
    entry is renamed into place, so nobody ever sees half of it. Its time is
    that of its last use, for `prune`.
    """
    lock = target.parent / f".{target.name}.lock"
    if target.exists() and not os.access(lock, os.W_OK):
        return target  # Somebody else's: not pruned by us.
    with locked(lock):
        if not target.exists():
            with tempfile.TemporaryDirectory(
                dir=target.parent, prefix=f".{target.name}."
            ) as folder:
                made = Path(folder) / target.name
                make(made)
                made.rename(target)
        os.utime(target)
    return target


def prune(folder: Path, keep: Container[str] = ()) -> None:
    """Remove what `make_once` made in a folder and nobody used for UNUSED_DAYS,
    unless its name is to be kept; and what killed runs have left of it."""
    oldest = time.time() - UNUSED_DAYS * 24 * 3600
    for lock in list(folder.glob(".*.lock")):
        target = folder / lock.name[1:].removesuffix(".lock")
        # Somebody else's is not ours to prune, nor to lock.
        if target.name in keep or not os.access(lock, os.W_OK):
            continue
        with contextlib.suppress(BlockingIOError), locked(lock, wait=False):
            used = target if target.exists() else lock
            if used.stat().st_mtime > oldest:
                continue
            for path in (target, *folder.glob(f".{target.name}.*")):
                remove_tree(path)


def run(
    command: Sequence[str | Path],
    *,
    cwd: Path | None = None,
    env: dict[str, str] | None = None,
    quiet: bool = False,
) -> None:
    """Run a program; a Failure tells which one and shows what it said."""
    words = [str(word) for word in command]
    try:
        done = subprocess.run(
            words,
            cwd=cwd,
            env=env,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE if quiet else sys.stderr,
            stderr=subprocess.STDOUT if quiet else None,
            text=quiet,
            check=False,
        )
    except FileNotFoundError as error:
        raise Failure(f"{words[0]}: not installed") from error
    if done.returncode == 0:
        return
    if quiet and done.stdout:
        sys.stderr.write(done.stdout)
    raise Failure(f"{shlex.join(words)}: status {done.returncode}")


def output(command: Sequence[str | Path], *, cwd: Path | None = None) -> str:
    """What a program prints on stdout."""
    words = [str(word) for word in command]
    done = subprocess.run(
        words,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        sys.stderr.write(done.stderr)
        raise Failure(f"{shlex.join(words)}: status {done.returncode}")
    return done.stdout


def write_if_changed(path: Path, text: str) -> bool:
    """Write a text file; True if its content was another one before."""
    with contextlib.suppress(FileNotFoundError):
        if path.read_text() == text:
            return False
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)
    return True


def remove_tree(path: Path) -> None:
    """Remove a file, or a folder and all in it, if there is one."""
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
