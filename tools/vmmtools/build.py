"""Builds vmm with Meson, against the sysroot of an architecture.

On a machine of the same architecture too: the program is then the same one,
whatever Debian's suite there is.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from vmmtools import hostpkgs
from vmmtools.arch import Arch
from vmmtools.base import (SOURCE_ROOT, cache_dir, locked, recipe_key,
                           remove_tree, run, write_if_changed)
from vmmtools.sysroot import cross_file, sysroot


@dataclass(frozen=True)
class Build:
    """One build folder: what is built there, and how."""

    arch: Arch
    compiler: str = "gcc"
    static: bool = True
    debug: bool = False
    prefix: str = ""
    """Where it will be installed, if it will be."""

    @property
    def folder(self) -> Path:
        """The build folder in the source tree."""
        parts = ["build", self.arch.name]
        if self.compiler != "gcc":
            parts.append(self.compiler)
        if not self.static:
            parts.append("shared")
        if self.debug:
            parts.append("debug")
        if self.prefix:
            parts.append("package")
        return SOURCE_ROOT / "-".join(parts)

    @property
    def program(self) -> Path:
        """The vmm that is built."""
        return self.folder / "tools" / "vmm"

    def _options(self) -> list[str]:
        prefix = [f"-Dprefix={self.prefix}"] if self.prefix else []
        return [
            *prefix,
            f"-Dstatic={'true' if self.static else 'false'}",
            f"-Dbuildtype={'debug' if self.debug else 'debugoptimized'}",
        ]

    def _setup(self) -> None:
        """Configure the folder, anew if it was made for another sysroot."""
        options = self._options()
        cross = cross_file(self.arch, self.compiler, sysroot(self.arch))
        stamp = self.folder / "tools-build.key"
        changed = write_if_changed(stamp, recipe_key(cross, options) + "\n")
        if not changed and (self.folder / "build.ninja").exists():
            return
        hostpkgs.ensure(hostpkgs.build_needs(self.arch, self.compiler),
                        f"build vmm for {self.arch.name}")
        remove_tree(self.folder)
        self.folder.mkdir()
        file = self.folder / "cross.ini"
        file.write_text(cross)
        run(["meson", "setup", *options, "--cross-file", file, self.folder,
             SOURCE_ROOT], quiet=True)
        stamp.write_text(recipe_key(cross, self._options()) + "\n")

    def make(self, targets: tuple[str, ...] = ()) -> Path:
        """Build, configuring first if needed; the path of the program.

        The targets are vmm unless given; all if there is no vmm yet.
        """
        targets = targets or ("tools/vmm" if self.arch.ported else "all",)
        lock = f"build-{recipe_key(str(self.folder))}"
        with locked(cache_dir("locks") / lock):
            self._setup()
            run(["ninja", "--quiet", "-C", self.folder, *targets], quiet=True)
        return self.program
