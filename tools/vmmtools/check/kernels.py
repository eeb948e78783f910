"""Gets the kernels of test hosts and guests, beside suites that need none."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from pathlib import Path

from vmmtools import hostpkgs, kbuild
from vmmtools.arch import Arch
from vmmtools.base import SOURCE_ROOT, Failure
from vmmtools.check.context import ported_arches
from vmmtools.check.process import call
from vmmtools.check.report import CHECK_FOLDER, tell
from vmmtools.images import Kernel, find_kernel, kernels
from vmmtools.lab import GUESTS, HOSTS, OWN_MINI, TEST_GUEST

LIMIT = 7200
"""Seconds for one kernel: a loaded machine with one processor needs them."""


def used_kernels() -> list[Kernel]:
    """The kernels the suites use. Those of one architecture stand together, in
    the order in which the suites need them: first what need not be built, then
    what takes longest."""
    found = []
    for arch in ported_arches():
        own = [name for (of, _), name in OWN_MINI.items() if of == arch.name]
        guest = GUESTS[arch.name][TEST_GUEST[arch.name]]
        names = {*HOSTS[arch.name].values(), guest, *own,
                 *({"debian", "debian-newest"} & kernels(arch).keys())}
        found += sorted(
            (find_kernel(arch, name) for name in sorted(names)),
            key=lambda kernel: (kernel.seconds() > 0, -kernel.seconds()))
    return found


class Kernels:
    """Kernels that are made by a thread, one after the other.

    The suites of one architecture run while those of the next are made.
    """

    def __init__(self, wanted: Sequence[Kernel]) -> None:
        self.missing = [kernel for kernel in wanted
                        if not kernel.image.exists()]
        self._made: dict[str, Future[None]] = {}
        """By the architecture's name: done when all of its kernels are."""

    @property
    def seconds(self) -> float:
        """About how long it takes to build those that must be built."""
        return sum(kernel.seconds() for kernel in self.missing)

    @property
    def built(self) -> list[Kernel]:
        """Those that must be built."""
        return [kernel for kernel in self.missing if not kernel.ready()]

    def needs(self) -> hostpkgs.Needs:
        """The packages for that."""
        needs: hostpkgs.Needs = {}
        for kernel in self.built:
            needs |= kbuild.NEEDS | hostpkgs.compiler_needs(kernel.arch)
        return needs

    def start(self) -> None:
        """Begin to make them."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        self._log.write_text("")
        pool = ThreadPoolExecutor(1)
        for name in dict.fromkeys(each.arch.name for each in self.missing):
            self._made[name] = pool.submit(self._make, name)
        pool.shutdown(wait=False)

    def wait(self, arch: Arch) -> None:
        """Return when all of an architecture are there. A Failure says which
        one cannot be had, to each caller."""
        made = self._made.get(arch.name)
        if made:
            if not made.done():
                tell(f"check: waiting for the kernels of {arch.name}")
            made.result()

    @property
    def _log(self) -> Path:
        return CHECK_FOLDER / "kernels.log"

    def _make(self, arch: str) -> None:
        for kernel in self.missing:
            if kernel.arch.name != arch:
                continue
            ended = call([SOURCE_ROOT / "tools" / "image", arch, kernel.name],
                         limit=LIMIT)
            with self._log.open("a") as file:
                file.write(ended.text)
            if not ended.good:
                raise Failure(f"{ended.text}\nthe kernel {arch} "
                              f"{kernel.name} cannot be had: {ended}")
