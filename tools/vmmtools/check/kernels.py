"""Gets the kernels of test hosts and guests, beside suites that need none."""

from __future__ import annotations

from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor

from vmmtools import hostpkgs, kbuild
from vmmtools.base import SOURCE_ROOT, Failure
from vmmtools.check.context import ported_arches
from vmmtools.check.process import call
from vmmtools.check.report import CHECK_FOLDER, tell
from vmmtools.images import Kernel, find_kernel, kernels
from vmmtools.lab import GUESTS, HOSTS, OWN_MINI, TEST_GUEST

LIMIT = 7200
"""Seconds for one kernel: a loaded machine with one processor needs them."""


def used_kernels() -> list[Kernel]:
    """The kernels the suites use, those that take longest first."""
    found = []
    for arch in ported_arches():
        own = [name for (of, _), name in OWN_MINI.items() if of == arch.name]
        guest = GUESTS[arch.name][TEST_GUEST[arch.name]]
        names = {*HOSTS[arch.name].values(), guest, *own,
                 *({"debian"} & kernels(arch).keys())}
        found += [find_kernel(arch, name) for name in sorted(names)]
    return sorted(found, key=Kernel.seconds, reverse=True)


class Kernels:
    """Kernels that are made by a thread, one after the other."""

    def __init__(self, wanted: Sequence[Kernel]) -> None:
        self.missing = [kernel for kernel in wanted
                        if not kernel.image.exists()]
        self._made: Future[None] | None = None

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
        pool = ThreadPoolExecutor(1)
        self._made = pool.submit(self._make)
        pool.shutdown(wait=False)

    def wait(self) -> None:
        """Return when all are there. A Failure says which one cannot be had,
        to each caller."""
        if self._made:
            if not self._made.done():
                tell("check: waiting for the kernels")
            self._made.result()

    def _make(self) -> None:
        log = CHECK_FOLDER / "kernels.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        log.write_text("")
        for kernel in self.missing:
            ended = call([SOURCE_ROOT / "tools" / "image", kernel.arch.name,
                          kernel.name], limit=LIMIT)
            with log.open("a") as file:
                file.write(ended.text)
            if not ended.good:
                raise Failure(f"{ended.text}\nthe kernel {kernel.arch.name} "
                              f"{kernel.name} cannot be had: {ended}")
