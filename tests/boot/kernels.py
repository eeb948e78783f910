"""Kernels in every form, and what boots instead of one."""

from __future__ import annotations

from boot import artifacts
from vmmtools.check.cases import Case, Host

HOST = Host("cortex-a72")
DEBIAN = Host("max", mem="2G", guest="debian")
FULL = Host()


def _form(name: str, path: str) -> Case:
    """The small kernel in another form."""
    return Case(f"kernel-{name}", host=HOST,
                script=f"IMAGE={path} guest 'facts 1 256 GICv3' --mem 256M",
                out=("facts: good", "run: exit 0"), quiet=True)


def cases() -> list[Case]:
    """All of them."""
    lab = "/lab/kernels"
    # Built in one place, so that a host is given all of them once.
    files = (
        (artifacts.image_gz(), f"{lab}/Image.gz"),
        (artifacts.zboot("gzip"), f"{lab}/zboot-gzip"),
        (artifacts.zboot("zstd22"), f"{lab}/zboot-zstd"),
        (artifacts.vmlinux(), f"{lab}/vmlinux"),
        (artifacts.flat(), f"{lab}/flat.bin"),
    )
    forms = [_form(name, f"{lab}/{name}")
             for name in ("Image.gz", "zboot-gzip", "zboot-zstd", "vmlinux")]
    return [Case(**{**vars(case), "files": files}) for case in forms] + [
        Case("kernel-flat", host=HOST, files=files, quiet=True,
             script=f"vmm run --kernel {lab}/flat.bin --mem 64M",
             out=("flat 0000000080080000 dtb",)),
        Case("kernel-firmware", host=HOST, files=files, quiet=True,
             script=f"vmm run --firmware {lab}/flat.bin --mem 64M",
             out=("flat 0000000080000000 dtb",)),
        Case("kernel-flat-in-the-upper-of-two-pieces", host=HOST, files=files,
             # The first piece ends before RAM + 512 KiB.
             script=f"vmm run --kernel {lab}/flat.bin --mem 64K@0x80000000 "
                    "--mem 64M@0x90000000",
             out=("flat 0000000090080000 dtb",), quiet=True),
        Case("kernel-debian", host=DEBIAN, quiet=True,
             script="guest 'facts 2 1024 GICv3' --mem 1G --cpus 2",
             out=("facts: good", "run: exit 0")),
        Case("kernel-debian-52-bit-memory", host=DEBIAN, quiet=True,
             # 2^50: the last place that its linear map still reaches.
             script="guest 'facts 1 1024 GICv3; grep RAM /proc/iomem' "
                    "--mem 512M@0x80000000 --mem 512M@0x4000000000000",
             out=("facts: good", "4000000000000-400001fffffff", "run: exit 0")),
        Case("kernel-full", host=FULL, quiet=True,
             script="guest 'facts 1 256 GICv3' --mem 256M",
             out=("facts: good", "run: exit 0")),
    ]
