"""What guests and test hosts find in memory when they start."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

from vmmtools import hostpkgs
from vmmtools.apt import PrivateApt
from vmmtools.arch import Arch
from vmmtools.base import (SOURCE_ROOT, Failure, cache_dir, make_once,
                           prune, recipe_key, run)
from vmmtools.cpio import Cpio
from vmmtools.images import Kernel

SOURCES = SOURCE_ROOT / "guest-images"
C_FLAGS = ("-std=gnu11", "-D_GNU_SOURCE", "-O2", "-Wall", "-Wextra", "-static",
           "-s")
BUSYBOX = "busybox-static"
FORMAT = 1
"""Part of every key here: another number makes all of it anew."""


def busybox(arch: Arch) -> Path:
    """Debian's static busybox for an architecture."""
    def make(program: Path) -> None:
        root = program.parent / "root"
        PrivateApt(arch).unpack([BUSYBOX], root)
        (root / "bin/busybox").rename(program)

    key = recipe_key(BUSYBOX, arch.debian, arch.suite)
    return make_once(cache_dir("programs") / f"{arch.name}-busybox-{key}",
                     make)


def applets(program: bytes) -> list[str]:
    """The names a busybox answers to: a table in it that begins with [ and [[.

    It cannot be asked, being a program of another architecture.
    """
    start = program.find(b"\0[\0[[\0") + 1
    end = program.find(b"\0\0", start)
    names = program[start:end].decode("ascii", "replace").split("\0")
    if start == 0 or "sh" not in names or "mount" not in names:
        raise Failure(f"{BUSYBOX}: no table of applets in it")
    return [name for name in names if name not in ("busybox", "linuxrc")]


def compiled(arch: Arch, name: str) -> Path:
    """A static program from guest-images/NAME.c."""
    source = SOURCES / f"{name}.c"

    def make(program: Path) -> None:
        hostpkgs.ensure(hostpkgs.compiler_needs(arch),
                        f"build {source.name} for {arch.name}")
        run([f"{arch.triplet}-gcc", *C_FLAGS, source, "-o", program],
            quiet=True)

    key = recipe_key(arch.name, C_FLAGS, source.read_text())
    return make_once(cache_dir("programs") / f"{arch.name}-{name}-{key}", make)


def _add_user_land(cpio: Cpio, arch: Arch) -> None:
    """busybox under all its names, and the files every program expects."""
    program = busybox(arch)
    cpio.copy("bin/busybox", program)
    for name in applets(program.read_bytes()):
        cpio.link(f"bin/{name}", "busybox")
    for name in ("sbin", "usr/bin", "usr/sbin"):
        cpio.folder(name)
    for name in ("proc", "sys", "dev", "run", "root", "etc"):
        cpio.folder(name)
    cpio.folder("tmp", 0o1777)
    cpio.device("dev/console", 0o600, 5, 1)
    cpio.device("dev/null", 0o666, 1, 3)
    cpio.file("etc/passwd", b"root:x:0:0:root:/root:/bin/sh\n")
    cpio.file("etc/group", b"root:x:0:\ntty:x:5:\nkvm:x:104:\n")


def _write(cpio: Cpio, path: Path) -> None:
    with path.open("wb") as file:
        cpio.write(file)


def _once(name: str, make: Callable[[Path], None]) -> Path:
    """An archive of the cache, from which others go that nobody uses."""
    def fill(path: Path) -> None:
        make(path)
        prune(folder)

    folder = cache_dir("initramfs")
    return make_once(folder / name, fill)


def guest_initrd(arch: Arch, kernel: Kernel) -> Path:
    """The guest's initramfs: busybox, guest-init.sh, the kernel's modules."""
    init = SOURCES / "guest-init.sh"

    def make(path: Path) -> None:
        cpio = Cpio()
        _add_user_land(cpio, arch)
        cpio.file("init", init.read_bytes(), 0o755)
        if kernel.modules.exists():
            cpio.copy("lib/modules", kernel.modules)
        _write(cpio, path)

    kernel.get()
    modules = kernel.key if kernel.modules.exists() else ""
    key = recipe_key(FORMAT, busybox(arch).name, init.read_text(), modules)
    return _once(f"{arch.name}-guest-{key}", make)


def bench_initrd(arch: Arch) -> Path:
    """The smallest initramfs: ginit.c and nothing else."""
    program = compiled(arch, "ginit")

    def make(path: Path) -> None:
        cpio = Cpio()
        cpio.folder("dev")
        cpio.device("dev/console", 0o600, 5, 1)
        cpio.copy("init", program)
        _write(cpio, path)

    key = recipe_key(FORMAT, program.name)
    return _once(f"{arch.name}-bench-{key}", make)


def host_tree(arch: Arch, guest: Kernel) -> Cpio:
    """All a test host has: user land, and what guests are made of."""
    cpio = Cpio()
    _add_user_land(cpio, arch)
    cpio.folder("lab")
    cpio.copy("init", compiled(arch, "host-init"))
    cpio.copy(f"guest/{arch.kernel_name}", guest.get())
    cpio.copy("guest/initrd", guest_initrd(arch, guest))
    cpio.copy("guest/bench.cpio", bench_initrd(arch))
    return cpio


def host_base(arch: Arch, guest: Kernel) -> Path:
    """The test host's initramfs, up to what is particular to a run."""
    key = recipe_key(FORMAT, busybox(arch).name,
                     compiled(arch, "host-init").name, guest.get().parent.name,
                     guest_initrd(arch, guest).name, bench_initrd(arch).name)
    return _once(f"{arch.name}-host-{key}",
                 lambda path: _write(host_tree(arch, guest), path))
