"""Writes initramfs archives: the kernel's "newc" form of cpio.

Source: Linux, Documentation/driver-api/early-userspace/buffer-format.rst.
Archives may follow one another in one initramfs, later ones adding to it.
"""

from __future__ import annotations

import os
import shutil
import stat
from pathlib import Path, PurePosixPath
from typing import BinaryIO

BLOCK = 512
"""Archives are padded to this with zeroes, as cpio(1) does."""


class Cpio:
    """The entries of an archive, all owned by root, without any date."""

    def __init__(self) -> None:
        self._entries: dict[str, tuple[int, bytes | Path, tuple[int, int]]] = {}

    def _add(self, name: str, mode: int, data: bytes | Path = b"",
             device: tuple[int, int] = (0, 0)) -> None:
        path = PurePosixPath("/", name).relative_to("/")
        if ".." in path.parts or not path.parts:
            raise ValueError(f"{name}: no name for a file in an archive")
        for parent in reversed(path.parents):
            if parent.parts and str(parent) not in self._entries:
                self._entries[str(parent)] = (stat.S_IFDIR | 0o755, b"", (0, 0))
        self._entries[str(path)] = (mode, data, device)

    def folder(self, name: str, mode: int = 0o755) -> None:
        """A folder; folders on the way to a file need not be added."""
        self._add(name, stat.S_IFDIR | mode)

    def file(self, name: str, data: bytes, mode: int = 0o644) -> None:
        """A file with this content."""
        self._add(name, stat.S_IFREG | mode, data)

    def copy(self, name: str, source: Path) -> None:
        """A file, or a folder with all in it, from this machine."""
        mode = source.stat().st_mode
        if stat.S_ISDIR(mode):
            self.folder(name, stat.S_IMODE(mode))
            for entry in sorted(source.iterdir()):
                inside = f"{name}/{entry.name}"
                if entry.is_symlink():
                    self.link(inside, os.readlink(entry))
                else:
                    self.copy(inside, entry)
        elif stat.S_ISREG(mode):
            self._add(name, stat.S_IFREG | stat.S_IMODE(mode), source)
        else:
            raise ValueError(f"{source}: neither a file nor a folder")

    def link(self, name: str, target: str) -> None:
        """A symbolic link."""
        self._add(name, stat.S_IFLNK | 0o777, target.encode())

    def device(self, name: str, mode: int, major: int, minor: int) -> None:
        """A character device."""
        self._add(name, stat.S_IFCHR | mode, b"", (major, minor))

    def extract(self, folder: Path) -> None:
        """Make the entries below `folder` instead; devices are left out."""
        for name, (mode, data, _) in self._entries.items():
            path = folder / name
            if stat.S_ISDIR(mode):
                path.mkdir(exist_ok=True)
            elif stat.S_ISLNK(mode) and isinstance(data, bytes):
                path.symlink_to(os.fsdecode(data))
            elif stat.S_ISREG(mode) and isinstance(data, bytes):
                path.write_bytes(data)
            elif stat.S_ISREG(mode) and isinstance(data, Path):
                shutil.copyfile(data, path)
            if not stat.S_ISLNK(mode) and not stat.S_ISCHR(mode):
                path.chmod(stat.S_IMODE(mode))

    def write(self, out: BinaryIO) -> None:
        """Write the archive, with its trailer and padding."""
        size = 0
        for inode, (name, entry) in enumerate(self._entries.items(), 1):
            size += _write_entry(out, name, inode, *entry)
        size += _write_entry(out, "TRAILER!!!", 0, 0, b"", (0, 0))
        out.write(bytes(-size % BLOCK))


def _write_entry(out: BinaryIO, name: str, inode: int, mode: int,
                 data: bytes | Path, device: tuple[int, int]) -> int:
    content = data.read_bytes() if isinstance(data, Path) else data
    encoded = os.fsencode(name) + b"\0"
    if len(content) > 0xffffffff:
        raise ValueError(f"{name}: too large for an initramfs")
    links = 2 if stat.S_ISDIR(mode) else 1
    fields = (inode, mode, 0, 0, links, 0, len(content), 0, 0, *device,
              len(encoded), 0)
    head = b"070701" + b"".join(b"%08X" % field for field in fields) + encoded
    out.write(head)
    out.write(bytes(-len(head) % 4))
    out.write(content)
    out.write(bytes(-len(content) % 4))
    return (len(head) + 3) // 4 * 4 + (len(content) + 3) // 4 * 4
