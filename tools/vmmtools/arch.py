"""What is particular to each architecture: one row, and no other place."""

from __future__ import annotations

import platform
from dataclasses import dataclass

from vmmtools.base import SOURCE_ROOT, Failure


@dataclass(frozen=True)
class Arch:
    """How Debian, the compilers and Meson call one architecture."""

    name: str
    """The word users type, and the folder in arch/."""
    machine: str
    """What `uname -m` says there."""
    debian: str
    """Debian's name: that of its packages, and of libraries -NAME-cross."""
    triplet: str
    """The GNU triplet: prefix of the cross tools, name of library folders."""
    cpu_family: str
    """Meson's cpu_family."""
    endian: str
    """Meson's endian: little or big."""
    kernel_arch: str
    """ARCH of Linux's makefiles."""
    kernel_target: str
    """The kernel file that is booted, in the kernel's build folder."""
    suite: str
    """The Debian suite the libraries of the sysroot come from."""
    headers_suite: str
    """The suite of linux-libc-dev: KVM's interface must be 6.12 or newer."""
    counts: bool
    """True if the emulated processor counts instructions by kind."""
    host_mem: str
    """The memory of an emulated test host unless the user says otherwise."""

    @property
    def kernel_name(self) -> str:
        """What the guest's kernel is called in a test host's /guest."""
        return self.kernel_target.rpartition("/")[2]

    @property
    def gcc_package(self) -> str:
        """The cross compiler's package."""
        return f"gcc-{self.triplet}"

    @property
    def libc_package(self) -> str:
        """The cross C library's package."""
        return f"libc6-dev-{self.debian}-cross"

    @property
    def ported(self) -> bool:
        """True if there is a vmm for it; its lab may be there before."""
        return (SOURCE_ROOT / "arch" / self.name).is_dir()

    @property
    def native(self) -> bool:
        """True if this machine is of this architecture."""
        return platform.machine() == self.machine


ARCHES = {
    arch.name: arch
    for arch in (
        Arch(
            name="arm64",
            machine="aarch64",
            debian="arm64",
            triplet="aarch64-linux-gnu",
            cpu_family="aarch64",
            endian="little",
            kernel_arch="arm64",
            kernel_target="arch/arm64/boot/Image",
            suite="bookworm",
            headers_suite="bookworm-backports",
            counts=True,
            host_mem="1G",
        ),
        Arch(
            name="mips",
            machine="mips",
            debian="mipsel",
            triplet="mipsel-linux-gnu",
            cpu_family="mips",
            endian="little",
            kernel_arch="mips",
            kernel_target="vmlinux",
            suite="bookworm",
            headers_suite="bookworm-backports",
            counts=False,
            host_mem="512M",
        ),
    )
}


def find_arch(name: str) -> Arch:
    """The row of an architecture, by the word the user typed."""
    if name not in ARCHES:
        known = ", ".join(ARCHES)
        raise Failure(f"{name}: unknown architecture (known: {known})", 2)
    return ARCHES[name]


def default_arch() -> str:
    """This machine's architecture if vmm knows it, else the first it knows."""
    for arch in ARCHES.values():
        if arch.native:
            return arch.name
    return next(iter(ARCHES))
