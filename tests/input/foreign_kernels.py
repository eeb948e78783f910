"""Files that are no kernel, made by the programs that make such files."""

from __future__ import annotations

import subprocess
import tempfile
from pathlib import Path

from boot.artifacts import MIB, guest_image
from vmmtools.check.report import CHECK_FOLDER

CPIO = "it is a cpio archive (an initial RAM disk?)"


def compressed(method: str) -> str:
    """What is said of a file that is compressed in this way."""
    return f"compressed with {method}; known are gzip and zstd"


# The name of each file, the command that makes it of the file "code" in an
# empty folder, and what is said of it.
COMMANDS = (
    ("cpio-newc", "echo code | cpio -o -H newc >$OUT", CPIO),
    ("cpio-crc", "echo code | cpio -o -H crc >$OUT", CPIO),
    ("cpio-odc", "echo code | cpio -o -H odc >$OUT", CPIO),
    ("cpio-bin", "echo code | cpio -o -H bin >$OUT", CPIO),
    ("cpio-gz", "echo code | cpio -o -H newc | gzip >$OUT", CPIO),
    ("cpio-zst", "echo code | cpio -o -H newc | zstd -q >$OUT", CPIO),
    ("tar", "tar -cf $OUT code", "it is a tar archive"),
    ("dtb", "echo '/dts-v1/; / { };' | dtc -q -O dtb -o $OUT",
     "it is a device tree or a U-Boot FIT image, not a kernel alone"),
    ("uimage", "mkimage -A arm64 -O linux -T kernel -C none -a 0x80000 -e "
     "0x80000 -d code $OUT",
     "it is a U-Boot image (uImage); the kernel in it must be taken out"),
    ("fit", "mkimage -f auto -A arm64 -O linux -T kernel -C none -a 0x80000 "
     "-e 0x80000 -d code $OUT",
     "it is a device tree or a U-Boot FIT image, not a kernel alone"),
    ("android-0", "mkbootimg --kernel code --header_version 0 -o $OUT",
     "it is an Android boot image; the kernel in it must be taken out"),
    ("android-3", "mkbootimg --kernel code --header_version 3 -o $OUT",
     "it is an Android boot image; the kernel in it must be taken out"),
    ("script", "printf '#!/bin/sh\\nexec true\\n' >$OUT", "it is a script"),
    ("text", "seq 1000 >$OUT", "it is text"),
    ("lzma", "xz --format=lzma -c code >$OUT", compressed("lzma")),
    ("lzma-9", "xz --format=lzma -9 -c code >$OUT", compressed("lzma")),
    ("xz", "xz -c code >$OUT", compressed("xz")),
    *((f"bzip2-{level}", f"bzip2 -{level} -c code >$OUT", compressed("bzip2"))
      for level in range(1, 10)),
    ("lz4", "lz4 -q -c code >$OUT", compressed("lz4")),
    ("lz4-legacy", "lz4 -q -l -c code >$OUT", compressed("lz4")),
    ("lzo", "lzop -c code >$OUT", compressed("lzo")),
    ("ext4", "mke2fs -q -t ext4 $OUT 4M",
     "it is an ext2, ext3 or ext4 file system"),
)


def make_all() -> Path:
    """The files, in a folder of their own. Made once."""
    path = CHECK_FOLDER / "artifacts" / "foreign-kernels"
    path.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        (Path(name) / "code").write_bytes(guest_image()[:MIB])
        for file, command, _ in COMMANDS:
            if (path / file).exists():
                continue
            making = path / f".{file}"
            subprocess.run(["sh", "-ec", f"OUT='{making}'; {command}"],
                           cwd=name, check=True, stdout=subprocess.DEVNULL,
                           stderr=subprocess.PIPE,
                           env={"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"})
            making.rename(path / file)
    return path
