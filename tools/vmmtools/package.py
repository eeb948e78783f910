"""Makes the Debian package of an architecture from its cross build.

debian/rules does it, as on the architecture itself, with three things given:
the build folder, where the libraries are, and which packages they come from.
"""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from pathlib import Path

from vmmtools import hostpkgs
from vmmtools.apt import PrivateApt
from vmmtools.arch import Arch
from vmmtools.base import (SOURCE_ROOT, Failure, cache_dir, make_once,
                           recipe_key, run)
from vmmtools.build import Build
from vmmtools.sysroot import sysroot

NEEDS = {
    "dpkg-buildpackage": "dpkg-dev",
    "dh": "debhelper",
    "fakeroot": "fakeroot",
    "meson": "meson",
}
LIBRARIES = ("libc6", "libfdt1", "liburing2", "libjansson4", "liblzma5",
             "libyaml-0-2", "libzstd1", "zlib1g")
"""The packages of the shared libraries vmm is linked with."""
FOLDER = SOURCE_ROOT / "build" / "packages"


def libraries(arch: Arch, names: tuple[str, ...] = LIBRARIES) -> Path:
    """A folder with these packages, of the suite that vmm is built for."""
    def make(folder: Path) -> None:
        PrivateApt(arch).fetch(list(names), folder)

    key = recipe_key(arch.debian, arch.suite, names)
    return make_once(cache_dir("libraries") / f"{arch.name}-{key}", make)


def shlibs(arch: Arch) -> str:
    """What these packages say of the dependencies of programs that use them:
    the form of shlibs.local, deb-shlibs(5)."""
    said = ""
    for deb in sorted(libraries(arch).glob("*.deb")):
        done = subprocess.run(["dpkg-deb", "-I", deb, "shlibs"], check=False,
                              stdout=subprocess.PIPE, text=True)
        if done.returncode:
            raise Failure(f"{deb.name}: tells no dependencies")
        said += done.stdout
    return said


def _copy_tree(target: Path) -> None:
    """A copy of what debian/rules reads of the tree; it writes there."""
    for name in ("debian", "docs"):
        shutil.copytree(SOURCE_ROOT / name, target / name)
    for name in ("README.md", "CHANGELOG.md"):
        shutil.copy(SOURCE_ROOT / name, target)


def make_package(arch: Arch) -> Path:
    """The path of the package, made anew."""
    hostpkgs.ensure(NEEDS, f"make the package for {arch.name}")
    build = Build(arch, static=False, prefix="/usr")
    build.make()
    root = sysroot(arch)
    with tempfile.TemporaryDirectory(prefix="vmm-package.") as name:
        tree = Path(name) / "vmm"
        tree.mkdir()
        _copy_tree(tree)
        (tree / "debian/shlibs.local").write_text(shlibs(arch))
        places = [path for path in (root / "lib" / arch.triplet,
                                    root / "usr/lib" / arch.triplet,
                                    Path(f"/usr/{arch.triplet}/lib"))
                  if path.exists()]
        run(["dpkg-buildpackage", "--build=binary", "--no-sign",
             "--no-check-builddeps", f"--host-arch={arch.debian}"], cwd=tree,
            quiet=True,
            env={**os.environ, "BUILT": str(build.folder),
                 "SHLIBS": " ".join(f"-l{place}" for place in places)})
        made = list(Path(name).glob(f"vmm_*_{arch.debian}.deb"))
        if len(made) != 1:
            raise Failure("dpkg-buildpackage made no package")
        FOLDER.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copy(made[0], FOLDER))
