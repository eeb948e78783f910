"""Kernels that are not what they say, made from a good one."""

from __future__ import annotations

import gzip
import struct
from pathlib import Path

from boot.artifacts import MIB, elf64, guest_image, zboot_header, zstd
from vmmtools.check.report import CHECK_FOLDER

ARM64 = 183
X86_64 = 62
TEXT_OFFSET, IMAGE_SIZE = 8, 16


def patched(data: bytes, offset: int, value: int) -> bytes:
    """With another 64-bit number at an offset."""
    return data[:offset] + struct.pack("<Q", value) + data[offset + 8:]


def zboot(payload: bytes, offset: int, size: int, method: bytes) -> bytes:
    """An EFI zboot image of these words."""
    return zboot_header(offset, size, method).ljust(4096, b"\0") + payload


def bad_kernels() -> dict[str, bytes]:
    """The files, by name."""
    image = guest_image()
    packed = gzip.compress(image[:2 * MIB], 1, mtime=0)
    squeezed = zstd(image[:2 * MIB])
    code = image[:MIB]
    elf = elf64(ARM64, 0x80200000, [(0x80200000, 0x80200000, code, MIB)])
    return {
        "image-offset": patched(image[:MIB], TEXT_OFFSET, 1 << 40),
        "image-size": patched(image[:MIB], IMAGE_SIZE, 1 << 62),
        "image-size-wraps": patched(image[:MIB], IMAGE_SIZE, (1 << 64) - 1),
        "gzip-truncated": packed[:len(packed) // 2],
        "gzip-broken": packed[:5000] + bytes(64) + packed[5064:],
        "gzip-head": packed[:10],
        # 256 MiB of zeroes, which take 256 KiB.
        "gzip-bomb": gzip.compress(bytes(256 * MIB), 9, mtime=0),
        "zboot-offset": zboot(packed, 1 << 31, len(packed), b"gzip"),
        "zboot-size": zboot(packed, 4096, 0xffffffff, b"gzip"),
        "zboot-empty": zboot(packed, 4096, 0, b"gzip"),
        "zboot-method": zboot(packed, 4096, len(packed), b"lzma"),
        "zboot-lies": zboot(packed, 4096, len(packed), b"zstd22"),
        "zboot-truncated": zboot(squeezed[:-100], 4096, len(squeezed) - 100,
                                 b"zstd22"),
        "elf-x86": elf64(X86_64, 0x80200000,
                         [(0x80200000, 0x80200000, code, MIB)]),
        "elf-truncated": elf[:-1000],
        "elf-head": elf[:40],
        "elf-entry": elf64(ARM64, 0x90000000,
                           [(0x80200000, 0x80200000, code, MIB)]),
        "elf-wraps": elf64(ARM64, (1 << 64) - MIB,
                           [((1 << 64) - MIB, (1 << 64) - MIB, code,
                             2 * MIB)]),
        "elf-nothing": elf64(ARM64, 0, []),
    }


def folder() -> Path:
    """The files, in a folder."""
    path = CHECK_FOLDER / "artifacts" / "bad-kernels"
    path.mkdir(parents=True, exist_ok=True)
    for name, data in bad_kernels().items():
        file = path / name
        if not file.exists() or file.read_bytes() != data:
            file.write_bytes(data)
    return path
