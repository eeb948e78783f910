"""What the tests of guests are made of: kernels in every form, disks, programs.

All of it is made from what guest-images/ gives, into build/check/artifacts.
"""

from __future__ import annotations

import gzip
import struct
import subprocess
import tempfile
from pathlib import Path

from vmmtools import initramfs
from vmmtools.apt import PrivateApt
from vmmtools.arch import Arch, find_arch
from vmmtools.base import SOURCE_ROOT, cache_dir, make_once, recipe_key, run
from vmmtools.build import Build
from vmmtools.check.report import CHECK_FOLDER
from vmmtools.cpio import Cpio
from vmmtools.images import find_kernel
from vmmtools.lab import GUESTS, TEST_GUEST

ARM64 = find_arch("arm64")
MIPS = find_arch("mips")
HERE = SOURCE_ROOT / "tests" / "boot"
IN_HOST = ("run.sh", "boot.sh")
PROGRAMS = ("onpty", "diskio", "mtdio", "netpair", "rebuilds", "hangfs")
MIB = 1 << 20
VMLINUX_BASE = 0xffff800080000000
"""Where Linux 6.12 is linked for: KIMAGE_VADDR."""


def program(name: str, arch: Arch = ARM64) -> Path:
    """A test program of tests/boot, built for a test host."""
    return Build(arch).folder / "tests" / "boot" / name


def _artifact(name: str, data: bytes) -> Path:
    path = CHECK_FOLDER / "artifacts" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    if not path.exists() or path.read_bytes() != data:
        path.write_bytes(data)
    return path


def guest_image() -> bytes:
    """The guest's kernel, as a flat Image."""
    return find_kernel(ARM64, GUESTS["arm64"][TEST_GUEST["arm64"]]).get().read_bytes()


def image_gz() -> Path:
    """Image.gz."""
    return _artifact("Image.gz", gzip.compress(guest_image(), 1, mtime=0))


def zstd(data: bytes) -> bytes:
    """Compressed by zstd(1)."""
    return subprocess.run(["zstd", "-q", "-1", "-c"], input=data, check=True,
                          stdout=subprocess.PIPE).stdout


def zboot_header(offset: int, size: int, method: bytes) -> bytes:
    """The head of an EFI zboot image, but for its PE part.

    Source: Linux, drivers/firmware/efi/libstub/zboot-header.S.
    """
    return struct.pack("<2sH4sII8x32sII", b"MZ", 0, b"zimg", offset, size,
                       method, 0x818223cd, 64)


def zboot(method: str) -> Path:
    """An EFI zboot image; `method` is gzip or zstd22."""
    if method == "gzip":
        payload = gzip.compress(guest_image(), 1, mtime=0)
    else:
        payload = zstd(guest_image())
    head = zboot_header(4096, len(payload), method.encode())
    # A real one ends with the size of what comes out.
    tail = struct.pack("<I", len(guest_image()))
    return _artifact(f"zboot-{method}",
                     head.ljust(4096, b"\0") + payload + tail)


def elf64(machine: int, entry: int,
          segments: list[tuple[int, int, bytes, int]]) -> bytes:
    """An ELF program of segments (virtual, physical address, data, size)."""
    offset = 0x10000
    head = struct.pack("<4sBBBB8xHHIQQQIHHHHHH", b"\x7fELF", 2, 1, 1, 0, 2,
                       machine, 1, entry, 64, 0, 0, 64, 56, len(segments), 64,
                       0, 0)
    body = b""
    for virtual, physical, data, size in segments:
        head += struct.pack("<IIQQQQQQ", 1, 7, offset + len(body), virtual,
                            physical, len(data), size, 0x10000)
        body += data.ljust(-(-len(data) // 0x10000) * 0x10000, b"\0")
    return head.ljust(offset, b"\0") + body


def vmlinux() -> Path:
    """The kernel as ELF: two segments at virtual addresses, and a bss."""
    whole = guest_image()
    size = struct.unpack_from("<Q", whole, 16)[0]
    cut = len(whole) // 2 // 0x10000 * 0x10000
    return _artifact("vmlinux", elf64(183, VMLINUX_BASE, [
        (VMLINUX_BASE, VMLINUX_BASE, whole[:cut], cut),
        (VMLINUX_BASE + cut, VMLINUX_BASE + cut, whole[cut:], size - cut)]))


def flat() -> Path:
    """flat.S: a program without any header."""
    return program("flat.bin")


def debian_programs(name: str, packages: tuple[str, ...],
                    files: tuple[str, ...], arch: Arch = ARM64) -> Path:
    """A folder of programs of Debian's, with their libraries and the loader;
    `files` are patterns of all of them."""
    def make(folder: Path) -> None:
        unpacked = folder.with_name("unpacked")
        PrivateApt(arch).unpack(list(packages), unpacked)
        folder.mkdir()
        for pattern in files:
            for file in unpacked.glob(pattern):
                if file.is_file():
                    (folder / file.name).write_bytes(file.read_bytes())
                    (folder / file.name).chmod(0o755)

    key = recipe_key(packages, arch.suite)
    return make_once(cache_dir("programs") / f"{arch.name}-{name}-{key}", make)


def guest_cpio(arch: Arch = ARM64) -> Path:
    """What is added to the guest's initramfs."""
    cpio = Cpio()
    cpio.copy("bin/diskio", program("diskio", arch))
    cpio.copy("bin/draws", program("draws", arch))
    cpio.copy("bin/mtdio", program("mtdio", arch))
    cpio.copy("bin/facts", HERE / "facts.sh")
    cpio.copy("bin/load", HERE / "load.sh")
    path = CHECK_FOLDER / "artifacts" / f"guest-{arch.name}.cpio"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as file:
        cpio.write(file)
    return path


def root_disk(arch: Arch = ARM64, kind: str = "ext4") -> Path:
    """A disk with busybox and an init that is a shell."""
    init = HERE / "disk-init.sh"
    shell = initramfs.busybox(arch)
    key = recipe_key(shell.name, init.read_text())
    path = CHECK_FOLDER / "artifacts" / f"root-{key}.{kind}"
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as name:
        tree = Path(name) / "root"
        busybox = tree / "bin" / "busybox"
        for folder in ("bin", "sbin", "proc", "sys", "dev", "tmp"):
            (tree / folder).mkdir(parents=True)
        busybox.write_bytes(shell.read_bytes())
        busybox.chmod(0o755)
        for applet in initramfs.applets(busybox.read_bytes()):
            (tree / "bin" / applet).symlink_to("busybox")
        (tree / "sbin" / "init").write_bytes(init.read_bytes())
        (tree / "sbin" / "init").chmod(0o755)
        scratch = Path(name) / "disk"
        run(["mke2fs", "-q", "-t", kind, "-d", tree, scratch, "12M"],
            quiet=True)
        path.write_bytes(scratch.read_bytes())
    return path
