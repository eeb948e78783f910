"""The libraries vmm needs, of another architecture, in a private folder.

Debian's -dev packages of several architectures cannot be installed side by
side, so they are unpacked. The C library is the cross compiler's own.
"""

from __future__ import annotations

import os
from pathlib import Path

from vmmtools.apt import PrivateApt
from vmmtools.arch import Arch
from vmmtools.base import cache_dir, make_once, recipe_key, say

PACKAGES = (
    "libfdt1", "libfdt-dev",
    "liburing2", "liburing-dev",
    "libjansson4", "libjansson-dev",
    "libxxhash0", "libxxhash-dev",
    "libzstd1", "libzstd-dev",
    "zlib1g", "zlib1g-dev",
    "liblzma5", "liblzma-dev",
    "libyaml-0-2", "libyaml-dev",
    "musl", "musl-dev",
    "libcmocka0", "libcmocka-dev",
)


def _make_links_relative(root: Path) -> None:
    """Absolute links in packages mean the target's root, not this machine's."""
    for folder, folders, files in os.walk(root):
        for name in folders + files:
            path = Path(folder) / name
            if path.is_symlink() and os.path.isabs(os.readlink(path)):
                inside = root / os.readlink(path).lstrip("/")
                path.unlink()
                path.symlink_to(os.path.relpath(inside, folder))


def sysroot(arch: Arch) -> Path:
    """The sysroot of an architecture, made if missing or of another recipe."""
    packages = [*PACKAGES, f"linux-libc-dev/{arch.headers_suite}"]
    key = recipe_key("sysroot", 1, arch.debian, arch.suite, packages)

    def make(folder: Path) -> None:
        say(f"unpacking Debian's {arch.debian} libraries into the cache")
        PrivateApt(arch).unpack(packages, folder)
        _make_links_relative(folder)

    return make_once(cache_dir("sysroot") / f"{arch.name}-{key}", make)


def cross_file(arch: Arch, compiler: str, root: Path) -> str:
    """The Meson cross file that builds for `arch` against a sysroot."""
    if compiler == "clang":
        command = f"['clang', '--target={arch.triplet}']"
    else:
        command = f"'{arch.triplet}-gcc'"
    libraries = root / "usr/lib" / arch.triplet
    headers = root / "usr/include"
    # The sysroot's kernel headers must come before the cross C library's own,
    # older ones: -isystem folders are searched first.
    return f"""\
[binaries]
c = {command}
ar = '{arch.triplet}-ar'
strip = '{arch.triplet}-strip'
objcopy = '{arch.triplet}-objcopy'
pkgconfig = 'pkg-config'

[built-in options]
c_args = ['-isystem', '{headers}', '-isystem', '{headers / arch.triplet}']
c_link_args = ['-L{libraries}', '-Wl,-rpath-link,{libraries}']

[properties]
sys_root = '{root}'
pkg_config_libdir = '{libraries}/pkgconfig:{root}/usr/share/pkgconfig'
library_dirs = ['{libraries}']
needs_exe_wrapper = {str(not arch.native).lower()}

[host_machine]
system = 'linux'
cpu_family = '{arch.cpu_family}'
cpu = '{arch.machine}'
endian = '{arch.endian}'
"""
