"""tools/bench dirty: what it costs to log a guest's writes and find them."""

from __future__ import annotations

from vmmtools.arch import Arch
from vmmtools.bench import Figure, require_counts, run_in_lab
from vmmtools.build import Build

PROGRAM = "tests/kvm/vmm-bench-dirty-kvm"
GUEST = "tests/kvm/{arch}/touch.bin"
KINDS = ("bitmap", "clear", "ring")
LARGE = 128
"""GiB of the sparse guest for which logging is switched on."""

RUN = ("/lab/vmm-bench-dirty-kvm run /lab/touch.bin --console none "
       "--mem {mem}G --dirty-log {kind} || exit 1")
SCRIPT = "\n".join([RUN.format(mem=1, kind=kind) for kind in KINDS]
                   + [RUN.format(mem=LARGE, kind="clear")])

VMM_LIMIT = 2_000_000
"""Instructions to switch logging on, of the VMM: 2 ms at one for each ns."""


def measure_dirty(arch: Arch) -> list[Figure]:
    """Switching on, and harvests: of dirty memory by the GiB, of clean."""
    require_counts(arch, "dirty")
    names = [PROGRAM, GUEST.format(arch=arch.name)]
    folder = Build(arch).make(("tools/vmm", *names)).parent.parent
    *runs, large = run_in_lab(arch, SCRIPT, [folder / name for name in names])
    figures = [
        Figure("on_128g_user", f"on, {LARGE} GiB sparse, clear: VMM",
               large["clear_on_user"], VMM_LIMIT),
        Figure("on_128g_kernel", "  KVM: its bitmap",
               large["clear_on_kernel"]),
    ]
    for kind, found in zip(KINDS, runs):
        per_gib = 1024 // found["dirty_mib"]
        figures += [
            Figure(f"{kind}_dirty_user", f"harvest of 1 GiB dirty, {kind}: VMM",
                   found[f"{kind}_dirty_user"] * per_gib),
            Figure(f"{kind}_dirty_kernel", "  the floor: KVM's own work",
                   found[f"{kind}_dirty_kernel"] * per_gib),
            Figure(f"{kind}_clean_user",
                   f"harvest of 1 GiB clean, {kind}: VMM",
                   found[f"{kind}_clean_user"]),
            Figure(f"{kind}_clean_kernel", "  the floor: KVM's own work",
                   found[f"{kind}_clean_kernel"]),
        ]
    return figures
