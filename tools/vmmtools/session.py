"""One run of a test host: starts it, relays, and always ends it."""

from __future__ import annotations

import contextlib
import ctypes
import os
import selectors
import signal
import socket
import subprocess
import sys
import termios
import time
import tty
from collections.abc import Callable, Iterator
from pathlib import Path

from vmmtools import channel
from vmmtools.base import Failure, say

PR_SET_PDEATHSIG = 1
LEAVE_KEY = b"\x1d"
CONSOLE_KEPT = 1 << 20
LAST_LINES = 30
ENDING_SECONDS = 5
END_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT)


class Ended(Exception):
    """The run is over, with this status."""

    def __init__(self, status: int, why: str = "") -> None:
        super().__init__(status)
        self.status = status
        self.why = why
        """A sentence if the status is tools/lab's and needs one. Empty if it
        is COMMAND's own, whatever its number."""


def how_it_ended(status: int) -> str:
    """A process's end in words, from subprocess's number of it."""
    if status < 0:
        return f"ended by {signal.Signals(-status).name}"
    return f"ended with status {status}"


def _die_with_parent() -> None:
    """In the child: end when tools/lab does, even by SIGKILL."""
    libc = ctypes.CDLL(None, use_errno=True)
    libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)


@contextlib.contextmanager
def end_by_signal() -> Iterator[None]:
    """Let signals that end a program end the run, with status 128 + N."""
    def handler(number: int, _frame: object) -> None:
        raise Ended(128 + number)

    before = {number: signal.signal(number, handler) for number in END_SIGNALS}
    try:
        yield
    finally:
        for number, action in before.items():
            signal.signal(number, action)


@contextlib.contextmanager
def raw_terminal() -> Iterator[None]:
    """Let every key reach the host; the terminal is restored in any case."""
    if not sys.stdin.isatty():
        yield
        return
    before = termios.tcgetattr(0)
    try:
        tty.setraw(0, termios.TCSADRAIN)  # What was typed ahead stays.
        yield
    finally:
        termios.tcsetattr(0, termios.TCSADRAIN, before)


def _write_all(fd: int, data: bytes) -> None:
    while data:
        data = data[os.write(fd, data):]


class Session:
    """A test host that runs, and what comes from it."""

    def __init__(self, *, interactive: bool, timeout: float | None,
                 log: Path | None) -> None:
        self.interactive = interactive
        self.timeout = timeout
        self.console = bytearray()
        self.decoder = channel.Decoder()
        # poll(2): epoll knows no regular files, which stdin may be.
        self.selector = selectors.PollSelector()
        self.sockets = contextlib.ExitStack()
        """Both ends of the connections to the host, and of `_wake_on_resize`."""
        self.to_host: socket.socket | None = None
        self.unsent = bytearray()
        self.input_open = False
        self.open = 0
        self.log = log.open("wb") if log else None

    def run(self, command: Callable[[int, int | None], list[str]],
            on_console: bool, inherit: list[int]) -> int:
        """Start the emulator `command(console, channel)` gives; the status."""
        far = [self._connect(self._frames if on_console else self._console)]
        if not on_console:
            far.append(self._connect(self._frames))
        fds = [end.fileno() for end in far]
        words = command(fds[0], None if on_console else fds[1])
        with self.sockets, end_by_signal():
            process: subprocess.Popen[bytes] | None = None
            try:
                process = subprocess.Popen(
                    words, stdin=subprocess.DEVNULL, stdout=sys.stderr.fileno(),
                    pass_fds=[*fds, *inherit], start_new_session=True,
                    preexec_fn=_die_with_parent)
                for end in far:
                    end.close()
                with raw_terminal():
                    self._relay()
                # All its sockets are closed: it is about to end by itself.
                with contextlib.suppress(subprocess.TimeoutExpired):
                    status = process.wait(ENDING_SECONDS)
                    if status:
                        say(f"{words[0]}: {how_it_ended(status)}")
            except Ended as end:
                if end.why:
                    self._explain(end.why)
                return end.status
            except FileNotFoundError as error:
                raise Failure(f"{words[0]}: not installed", 125) from error
            finally:
                self._stop(process)
        self._explain("the host ended without telling a status; its last "
                      "words:")
        return 125

    def _connect(self, action: Callable[[bytes], None]) -> socket.socket:
        """The host's end of a new connection; what is sent goes to the last."""
        self.to_host, far = socket.socketpair()
        self.sockets.enter_context(self.to_host)
        self.sockets.enter_context(far)
        self._watch(self.to_host, action)
        return far

    def _stop(self, process: subprocess.Popen[bytes] | None) -> None:
        for number in END_SIGNALS:
            signal.signal(number, signal.SIG_IGN)  # It is ending already.
        signal.set_wakeup_fd(-1)
        if process is not None:
            with contextlib.suppress(ProcessLookupError):
                os.killpg(process.pid, signal.SIGKILL)
            process.wait()
        if self.log:
            self.log.write(self.decoder.noise)
            self.log.close()
        self.selector.close()

    def _watch(self, source: socket.socket | int,
               action: Callable[[bytes], None]) -> None:
        fd = source if isinstance(source, int) else source.fileno()
        self.selector.register(fd, selectors.EVENT_READ, action)
        self.open += not isinstance(source, int)

    def _relay(self) -> None:
        """Pass on what comes until the host is gone; Ended says earlier why."""
        deadline = time.monotonic() + self.timeout if self.timeout else None
        wakeup = self._wake_on_resize() if self.interactive else None
        while self.open:
            left = deadline - time.monotonic() if deadline else None
            if left is not None and left <= 0:
                raise Ended(124, f"time limit of {self.timeout:g} s passed")
            for key, events in self.selector.select(left):
                if events & selectors.EVENT_WRITE:
                    self._flush()
                if not events & selectors.EVENT_READ:
                    continue
                try:
                    data = os.read(key.fd, 65536)
                except OSError:
                    data = b""
                if key.fd == wakeup:
                    self._send_window()
                elif data:
                    key.data(data)
                else:
                    self._closed(key.fd)
        self.decoder.finish()

    def _closed(self, fd: int) -> None:
        self.selector.unregister(fd)
        if fd == 0:
            self.input_open = False
            self._send(channel.input_end())
        else:
            self.open -= 1

    def _console(self, data: bytes) -> None:
        self.console += data
        del self.console[:-CONSOLE_KEPT]
        if self.log:
            self.log.write(data)
            self.log.flush()

    def _frames(self, data: bytes) -> None:
        waiting = not self.decoder.started
        for kind, content in self.decoder.feed(data):
            if kind == channel.STATUS:
                raise Ended(content[0])
            _write_all(1 if kind == channel.STDOUT else 2, content)
        if waiting and self.decoder.started and self.interactive:
            self.input_open = True
            self._watch_input(True)
            self._send_window()

    def _input(self, data: bytes) -> None:
        if sys.stdin.isatty() and LEAVE_KEY in data:
            raise Ended(130)
        self._send(channel.input_frames(data))

    def _send(self, frames: bytes) -> None:
        self.unsent += frames
        self._flush()

    def _flush(self) -> None:
        """Send what the host takes; read no more input until it took all."""
        assert self.to_host is not None
        if self.to_host.fileno() not in self.selector.get_map():
            self.unsent.clear()  # The host is gone; the relay will see it.
            return
        try:
            sent = self.to_host.send(self.unsent, socket.MSG_DONTWAIT)
            del self.unsent[:sent]
        except BlockingIOError:
            pass
        except (BrokenPipeError, ConnectionResetError):
            self.unsent.clear()
        key = self.selector.get_key(self.to_host)
        events = selectors.EVENT_READ
        if self.unsent:
            events |= selectors.EVENT_WRITE
        self.selector.modify(self.to_host, events, key.data)
        if self.input_open:
            self._watch_input(not self.unsent)

    def _watch_input(self, wanted: bool) -> None:
        watched = 0 in self.selector.get_map()
        if wanted and not watched:
            self._watch(0, self._input)
        elif watched and not wanted:
            self.selector.unregister(0)

    def _send_window(self) -> None:
        if sys.stdin.isatty():
            size = os.get_terminal_size(0)
            self._send(channel.window_frame(size.lines, size.columns))

    def _wake_on_resize(self) -> int:
        """A file that is readable once the terminal has another size."""
        near, far = socket.socketpair()
        near.setblocking(False)
        far.setblocking(False)
        self.sockets.enter_context(near)
        self.sockets.enter_context(far)
        signal.set_wakeup_fd(far.fileno(), warn_on_full_buffer=False)
        signal.signal(signal.SIGWINCH, lambda *_: None)
        self._watch(near.fileno(), lambda _: None)
        return near.fileno()

    def _explain(self, why: str) -> None:
        """Say why there is no status of COMMAND, and what the host said."""
        say(why)
        said = bytes(self.console + self.decoder.noise)
        lines = said.decode("utf-8", "replace").splitlines()
        for line in lines[-LAST_LINES:]:
            print(f"  {line.rstrip()}", file=sys.stderr)
