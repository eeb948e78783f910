"""tools/bench restore: what a guest that goes on from a snapshot costs."""

from __future__ import annotations

from vmmtools.arch import Arch
from vmmtools.bench import Figure, require_counts, run_in_lab
from vmmtools.build import Build

SIZES = ("256M", "16G")
WAYS = ("map", "lazy")
GOAL = 250_000

# A guest of each size that uses as much of its memory, and its snapshot.
MAKE = """
mkdir /tmp/restore && cd /tmp/restore || exit 1
for size in {sizes}; do
    vmm run --name a --kernel /guest/{kernel} --initrd /guest/initrd \\
        --mem $size --terminal socket --cmdline \\
        'console=ttyS0 quiet mem=256M run="echo ready; read x"' &
    until [ -S /run/vmm/a.sock ]; do usleep 10000; done
    vmm console a </dev/null >said &
    until grep -q ready said; do usleep 10000; done
    vmm snapshot create a $size --stop >/dev/null || exit 1
    wait
done
"""

# The first restore fills the host's caches.
MEASURE = """
for way in {ways}; do for size in {sizes}; do for again in 1 2; do
    /lab/vmm-measure entry -- vmm restore $size --name b --memory $way \\
        --control none </dev/null 2>told >/dev/null || exit 1
done
tail -n 1 told | sed "s/vmm_user/${{way}}_${{size}}_user/
    s/rss_kib/${{way}}_${{size}}_rss_kib/"
done; done
"""


def restore_script(arch: Arch) -> str:
    """What is run in the lab."""
    words = {"kernel": arch.kernel_name, "sizes": " ".join(SIZES),
             "ways": " ".join(WAYS)}
    return MAKE.format(**words) + MEASURE.format(**words)


def measure_restore(arch: Arch) -> list[Figure]:
    """Figures of each way and size."""
    require_counts(arch, "restore")
    program = Build(arch).make(
        ("tools/vmm", "tests/bench/vmm-measure")).parent.parent / (
            "tests/bench/vmm-measure")
    found: dict[str, int] = {}
    for part in run_in_lab(arch, restore_script(arch), [program], 600):
        found.update(part)
    figures = []
    for way in WAYS:
        for size in SIZES:
            figures.append(Figure(
                f"{way}_{size}_user",
                f"{way}, {size}: VMM user code to the first entry",
                found[f"{way}_{size}_user"], GOAL))
            figures.append(Figure(
                f"{way}_{size}_rss_kib",
                f"{way}, {size}: resident outside guest RAM then, KiB",
                found[f"{way}_{size}_rss_kib"], 1536))
    return figures
