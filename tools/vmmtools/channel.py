"""tools/lab's end of the channel to a test host (guest-images/host-init.c)."""

from __future__ import annotations

import struct
from collections.abc import Iterator

MAGIC = b"\nvmm-lab-1\n"
STDOUT, STDERR, STATUS = b"o", b"e", b"x"
INPUT, WINDOW = b"i", b"w"
HEAD = struct.Struct(">cI")
LONGEST_IN = 16384 - HEAD.size
"""The longest content the host takes in one frame."""
LONGEST_OUT = 16384
"""The longest content the host sends in one frame."""


class Decoder:
    """Cuts what a host sends into frames.

    What is no frame is kept in `noise`: a serial console's other text, before
    the magic line or after a panic.
    """

    def __init__(self) -> None:
        self.started = False
        self.noise = bytearray()
        self._rest = b""
        self._lost = False

    def feed(self, data: bytes) -> Iterator[tuple[bytes, bytes]]:
        """The frames (type, content) that `data` completes."""
        self._rest += data
        if self._lost:
            self._to_noise(len(self._rest))
            return
        if not self.started:
            before, magic, after = self._rest.partition(MAGIC)
            if not magic:
                self._to_noise(len(self._rest) - len(MAGIC) + 1)
                return
            self.noise += before
            self._rest = after
            self.started = True
        while len(self._rest) >= HEAD.size:
            kind, length = HEAD.unpack_from(self._rest)
            if kind not in (STDOUT, STDERR, STATUS) or length > LONGEST_OUT:
                self._lost = True
                self._to_noise(len(self._rest))
                return
            if len(self._rest) < HEAD.size + length:
                return
            content = self._rest[HEAD.size:HEAD.size + length]
            self._rest = self._rest[HEAD.size + length:]
            yield kind, content

    def _to_noise(self, count: int) -> None:
        count = max(count, 0)
        self.noise += self._rest[:count]
        self._rest = self._rest[count:]

    def finish(self) -> None:
        """The host is gone: what is left is no frame."""
        self._to_noise(len(self._rest))


def input_frames(data: bytes) -> bytes:
    """What the command is to read, cut into frames."""
    return b"".join(
        HEAD.pack(INPUT, len(part)) + part
        for part in (data[at:at + LONGEST_IN]
                     for at in range(0, len(data), LONGEST_IN)))


def input_end() -> bytes:
    """The frame that ends what the command reads."""
    return HEAD.pack(INPUT, 0)


def window_frame(rows: int, columns: int) -> bytes:
    """The terminal's size, for the host."""
    return HEAD.pack(WINDOW, 4) + struct.pack(">HH", rows, columns)


def run_words(stdin: str, term: str, command: list[str]) -> bytes:
    """The content of /.lab/run; `stdin` is null, pipe or tty."""
    words = [stdin, term, *command]
    if any("\0" in word for word in words):
        raise ValueError("a command cannot hold a NUL")
    return b"".join(word.encode("utf-8", "surrogateescape") + b"\0"
                    for word in words)
