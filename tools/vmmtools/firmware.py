"""EDK2 for kvmtool, the firmware that guests are tested with: built, cached.

Debian has no package of it, but the source package of its other EDK2s.
"""

from __future__ import annotations

import os
import tempfile
from pathlib import Path

from vmmtools import hostpkgs
from vmmtools.apt import unpack_source
from vmmtools.arch import Arch
from vmmtools.base import cache_dir, make_once, prune, recipe_key, run, say

PACKAGE = "edk2"
VERSION = "2022.11-6+deb12u2"
SECURE_BOOT_PATCH = "Disable-the-Shell-when-SecureBoot-is-enabled.patch"
"""Debian's shell asks for a library that this platform does not name."""
NEEDS = {
    "make": "make",
    "gcc": "gcc",
    "g++": "g++",
    "patch": "patch",
    "iasl": "acpica-tools",
    "dpkg-source": "dpkg-dev",
    "/usr/include/uuid/uuid.h": "uuid-dev",
    "/usr/lib/python3*/distutils/core.py": "python3-distutils",
}
# What debian/rules does for its own platforms. edksetup.sh is for bash, and
# reads what another EDK2 may have set. Debian's native compiler is known by
# its triplet as well.
BUILD = """
set -e
unset WORKSPACE EDK_TOOLS_PATH CONF_PATH PACKAGES_PATH
export GCC5_AARCH64_PREFIX=aarch64-linux-gnu- PYTHON3_ENABLE=TRUE
patch -s -R -p1 -i debian/patches/{patch}
aarch64-linux-gnu-gcc -c -fpic ArmPkg/Library/GccLto/liblto-aarch64.s \\
    -o ArmPkg/Library/GccLto/liblto-aarch64.a
. ./edksetup.sh
make -s -j{jobs} -C BaseTools
build -q -n {jobs} -a AARCH64 -t GCC5 -b RELEASE \\
    -p ArmVirtPkg/ArmVirtKvmTool.dsc
"""
IMAGE = "Build/ArmVirtKvmTool-AARCH64/RELEASE_GCC5/FV/KVMTOOL_EFI.fd"


def edk2(arch: Arch) -> Path:
    """KVMTOOL_EFI.fd of ArmVirtKvmTool; built if there is none."""
    def make(image: Path) -> None:
        hostpkgs.ensure(NEEDS | hostpkgs.compiler_needs(arch), "build EDK2")
        with tempfile.TemporaryDirectory(dir=cache_dir("src")) as scratch:
            source = unpack_source(arch, PACKAGE, VERSION, Path(scratch))
            say("building EDK2, once: 2 to 6 minutes")
            script = BUILD.format(patch=SECURE_BOOT_PATCH,
                                  jobs=os.cpu_count() or 1)
            run(["nice", "-n", "10", "bash", "-c", script], cwd=source,
                quiet=True)
            (source / IMAGE).rename(image)
        prune(image.parent.parent)

    key = recipe_key(PACKAGE, VERSION, SECURE_BOOT_PATCH, BUILD)
    return make_once(cache_dir("firmware") / f"{arch.name}-edk2-{key}.fd",
                     make)
