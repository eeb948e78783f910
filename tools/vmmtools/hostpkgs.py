"""Debian packages this machine needs: looked for, installed, or asked for."""

from __future__ import annotations

import glob
import os
import shutil
import subprocess
import sys

from vmmtools.arch import Arch
from vmmtools.base import Failure, run, say

Needs = dict[str, str]
"""What tells that a package is there (a command, or a path with wildcards),
and the package."""


def compiler_needs(arch: Arch, compiler: str = "gcc") -> Needs:
    """To compile and link C programs for an architecture."""
    # clang too links with gcc's binutils and libgcc. Debian's own gcc is known
    # by its triplet as well.
    gcc = f"{arch.triplet}-gcc"
    if arch.native:
        needs = {gcc: "gcc", f"/usr/lib/{arch.triplet}/libc.a": "libc6-dev"}
    else:
        needs = {gcc: arch.gcc_package,
                 f"/usr/{arch.triplet}/lib/libc.a": arch.libc_package}
    if compiler == "clang":
        needs["clang"] = "clang"
    return needs


MESON_NEEDS = {
    "meson": "meson",
    "ninja": "ninja-build",
    "pkg-config": "pkg-config",
}


def build_needs(arch: Arch | None, compiler: str = "gcc") -> Needs:
    """To build vmm for an architecture, or (None) with this machine's own
    libraries."""
    if arch:
        return MESON_NEEDS | compiler_needs(arch, compiler)
    return MESON_NEEDS | {
        compiler: compiler,
        "/usr/include/libfdt.h": "libfdt-dev",
        "/usr/include/liburing.h": "liburing-dev",
        "/usr/include/jansson.h": "libjansson-dev",
        "/usr/include/seccomp.h": "libseccomp-dev",
        "/usr/include/zstd.h": "libzstd-dev",
        "/usr/include/xxhash.h": "libxxhash-dev",
        "/usr/include/zlib.h": "zlib1g-dev",
        "/usr/include/lzma.h": "liblzma-dev",
        "/usr/include/yaml.h": "libyaml-dev",
        "/usr/include/cmocka.h": "libcmocka-dev",
        "/usr/lib/python3/dist-packages/yaml": "python3-yaml",
        "/usr/lib/python3/dist-packages/jsonschema": "python3-jsonschema",
        "/usr/include/linux/kvm.h": "linux-libc-dev",
    }


def missing(needs: Needs) -> list[str]:
    """The packages of `needs` that are not installed."""
    return sorted({
        package for probe, package in needs.items()
        if not (glob.glob(probe) if probe.startswith("/")
                else shutil.which(probe))
    })


def _may_sudo() -> bool:
    if not shutil.which("sudo"):
        return False
    if sys.stdin.isatty():
        return True
    return subprocess.run(["sudo", "-n", "true"], check=False,
                          stderr=subprocess.DEVNULL).returncode == 0


def ensure(needs: Needs, reason: str) -> None:
    """Install what is missing of `needs`; `reason` completes "... to"."""
    packages = missing(needs)
    if not packages:
        return
    install = ["apt-get", "install", "-y", "--no-install-recommends",
               *packages]
    if not shutil.which("apt-get"):
        raise Failure(f"install what Debian calls {' '.join(packages)} "
                      f"to {reason}")
    prefix: list[str] = []
    if os.geteuid() != 0:
        if not _may_sudo():
            raise Failure(f"to {reason}, run: sudo {' '.join(install)}")
        prefix = ["sudo"]
    say(f"installing {' '.join(packages)} to {reason}")
    prefix += ["env", "DEBIAN_FRONTEND=noninteractive"]
    if subprocess.run([*prefix, *install], stdin=subprocess.DEVNULL,
                      stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                      check=False).returncode != 0:
        # The package lists are missing or old.
        run([*prefix, "apt-get", "update"], quiet=True)
        run([*prefix, *install], quiet=True)
    left = missing(needs)
    if left:
        raise Failure(f"{' '.join(left)}: installed, but not what is needed "
                      f"to {reason}")
