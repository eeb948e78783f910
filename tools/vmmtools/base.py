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
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any, NoReturn

SOURCE_ROOT = Path(__file__).resolve().parent.parent.parent


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


@contextlib.contextmanager
def locked(path: Path) -> Iterator[None]:
    """Hold the lock file `path`: one of several runs works, the others wait."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("a") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            hint(f"waiting for another run that holds {path}")
            fcntl.flock(file, fcntl.LOCK_EX)
        yield


def make_once(target: Path, make: Callable[[Path], None]) -> Path:
    """Make the file or folder `target` unless it is there already.

    `make` fills a temporary folder with an entry named as the target; the
    entry is renamed into place, so nobody ever sees half of it.
    """
    if target.exists():
        return target
    with locked(target.parent / f".{target.name}.lock"):
        if target.exists():
            return target
        with tempfile.TemporaryDirectory(
            dir=target.parent, prefix=f".{target.name}."
        ) as folder:
            made = Path(folder) / target.name
            make(made)
            made.rename(target)
    return target


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
    """Remove a folder and all in it; nothing to do if it is missing."""
    if path.exists():
        shutil.rmtree(path)
