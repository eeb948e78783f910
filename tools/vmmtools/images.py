"""Kernels for guests and test hosts: found, fetched or built, then cached.

The recipes are in guest-images/kernels.toml. An image is looked for in the
cache, then among prebuilt ones, and made only then.
"""

from __future__ import annotations

import hashlib
import lzma
import os
import re
import shutil
import tempfile
import tomllib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

from vmmtools import kbuild
from vmmtools.apt import PrivateApt
from vmmtools.arch import ARCHES, Arch
from vmmtools.base import (SOURCE_ROOT, Failure, cache_dir, make_once,
                           prune, recipe_key, say)

RECIPES = SOURCE_ROOT / "guest-images"
PREBUILT = SOURCE_ROOT.parent / "shared" / "images"


def image_cache() -> Path:
    """Where images are kept: $VMM_IMAGE_CACHE, else images/ in the cache."""
    chosen = os.environ.get("VMM_IMAGE_CACHE")
    if not chosen:
        return cache_dir("images")
    path = Path(chosen).resolve()
    path.mkdir(parents=True, exist_ok=True)
    return path


@cache
def _table() -> dict[str, Any]:
    return tomllib.loads((RECIPES / "kernels.toml").read_text())


@dataclass(frozen=True)
class Kernel:
    """One recipe of kernels.toml."""

    arch: Arch
    name: str
    recipe: dict[str, Any]

    @property
    def serial_only(self) -> bool:
        """True if the lab's virtio channel has no driver in this kernel."""
        return bool(self.recipe.get("serial_only"))

    def _files(self, field: str, suffix: str) -> list[Path]:
        folder = RECIPES / self.arch.name
        return [folder / f"{name}{suffix}"
                for name in self.recipe.get(field, [])]

    @property
    def fragments(self) -> list[Path]:
        """The configuration fragments, in the order they are applied."""
        return self._files("fragments", ".config")

    @property
    def patches(self) -> list[Path]:
        """The patches, in the order they are applied."""
        return self._files("patches", ".patch")

    @property
    def key(self) -> str:
        """Changes when the recipe does: its source, fragments, or patches."""
        said = {field: value for field, value in self.recipe.items()
                if field not in ("prebuilt", "serial_only", "newest",
                                 "files")}
        content = [path.read_text() for path in self.fragments + self.patches]
        return recipe_key(self.arch.name, said, content)

    @property
    def folder(self) -> Path:
        """Where the image is kept once there is one."""
        return image_cache() / f"{self.arch.name}-{self.name}-{self.key}"

    @property
    def image(self) -> Path:
        """The kernel file itself, once there is one."""
        return self.folder / "Image"

    @property
    def symbols(self) -> Path:
        """Its symbols for gdb, once there is one, if the recipe keeps them."""
        return self.folder / "symbols"

    @property
    def modules(self) -> Path:
        """The folder of its modules, once there is one."""
        return self.folder / "modules"

    def _prebuilt(self) -> Path | None:
        row = self.recipe.get("prebuilt", {})
        if row.get("key") != self.key:
            return None
        path = PREBUILT / row["file"]
        return path if path.exists() else None

    def ready(self) -> bool:
        """True if `get` will not have to build a kernel."""
        return ("package" in self.recipe or self.image.exists()
                or self._prebuilt() is not None)

    def seconds(self) -> float:
        """About how long `get` will take if it must build; 0 if it need not."""
        return 0 if self.ready() else kbuild.seconds(self.recipe)

    def get(self, *, from_source: bool = False) -> Path:
        """The kernel file, made if there is none; from source if wished."""
        make_once(self.folder, lambda folder: self._make(folder, from_source))
        return self.image

    def _make(self, folder: Path, from_source: bool) -> None:
        folder.mkdir()
        prebuilt = None if from_source else self._prebuilt()
        if "package" in self.recipe:
            self._unpack(folder)
        elif prebuilt:
            data = prebuilt.read_bytes()
            if (hashlib.sha256(data).hexdigest()
                    != self.recipe["prebuilt"]["sha256"]):
                raise Failure(f"{prebuilt}: not the image that "
                              "guest-images/kernels.toml means")
            (folder / "Image").write_bytes(lzma.decompress(data))
        else:
            kbuild.build(self.arch, self.recipe, self.fragments, self.patches,
                         folder)
        prune(image_cache(), keep=_named())

    def _unpack(self, folder: Path) -> None:
        """Take kernel and modules out of Debian's package."""
        suite = self.recipe.get("suite")
        apt = PrivateApt(self.arch, (suite,) if suite else ())
        package = self.recipe["package"]
        if not apt.versions(package):
            package = apt.newest(self.recipe["newest"])
        say(f"fetching {package}")
        with tempfile.TemporaryDirectory(dir=image_cache()) as scratch:
            root = Path(scratch)
            apt.unpack([package], root)
            kernels = [*root.glob("boot/vmlinuz-*"),
                       *root.glob("usr/lib/modules/*/vmlinuz")]
            if len(kernels) != 1:
                raise Failure(f"{package}: no kernel in it")
            shutil.copyfile(kernels[0], folder / "Image")
            wanted = self.recipe.get("modules", [])
            if wanted:
                _copy_modules(root, wanted, folder / "modules")
        (folder / "source").write_text(f"{package}\n")


def _copy_modules(root: Path, wanted: list[str], folder: Path) -> None:
    """Copy modules and what they need, numbered in an order to load them."""
    def plain(name: str) -> str:
        return name.replace("-", "_")

    found = {plain(path.name.split(".")[0]): path
             for path in root.glob("lib/modules/*/kernel/**/*.ko*")}
    order: dict[str, bytes] = {}

    def add(name: str) -> None:
        path = found.get(name)
        if name in order or path is None:
            return  # Not there: built in, or this kernel has none.
        data = path.read_bytes()
        if path.suffix == ".xz":
            data = lzma.decompress(data)
        depends = re.search(rb"\0depends=([^\0]*)\0", data)
        for other in (depends[1].decode() if depends else "").split(","):
            if other:
                add(plain(other))
        order[name] = data

    for name in wanted:
        add(plain(name))
    folder.mkdir()
    for number, (name, data) in enumerate(order.items()):
        (folder / f"{number:02}-{name}.ko").write_bytes(data)


def kernels(arch: Arch) -> dict[str, Kernel]:
    """All kernels of an architecture, by name."""
    return {name: Kernel(arch, name, recipe)
            for name, recipe in _table().get(arch.name, {}).items()}


def _named() -> set[str]:
    """What the cache calls the kernels that there are recipes for."""
    return {kernel.folder.name for arch in ARCHES.values()
            for kernel in kernels(arch).values()}


def find_kernel(arch: Arch, name: str) -> Kernel:
    """A kernel by the name its recipe has."""
    known = kernels(arch)
    if name not in known:
        raise Failure(f"{name}: no kernel of {arch.name} is called so "
                      f"(known: {', '.join(known)})", 2)
    return known[name]
