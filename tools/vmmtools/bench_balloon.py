"""tools/bench balloon: what it costs the VMM to take 1.75 GiB from a guest."""

from __future__ import annotations

from vmmtools.arch import Arch
from vmmtools.bench import Figure, require_counts, run_in_lab
from vmmtools.build import Build

TAKEN = 1792
"""MiB."""
DONE_KIB = (2048 - TAKEN) << 10
"""More than what a guest of 2 GiB believes it has when that is taken."""

# Without deflate-on-oom the guest's MemTotal shrinks as the balloon grows. The
# last MiB are taken while it sleeps, which takes no time here.
WAIT = (f"while read a n b </proc/meminfo; [ $n -gt {DONE_KIB} ]; do "
        "usleep 100000; done; sleep 2")


def run(balloon: str, then: str) -> str:
    """A guest's life, counted."""
    return (f"/lab/vmm-measure count -- vmm run --kernel /guest/Image "
            f"--mem 2G --initrd /guest/initrd --balloon={balloon} --params "
            f"'console=ttyS0 panic=-1 quiet run=\"{then}\"' "
            "</dev/null 2>/tmp/count >/dev/null || exit 1\n"
            "tail -n 1 /tmp/count\n")


OPTIONS = "reporting=off,deflate-on-oom=off"
SCRIPT = f"""
{run(OPTIONS, "sleep 2")}
{run(f"{2048 - TAKEN}M,{OPTIONS}", WAIT)}
/lab/vmm-measure count -- /lab/vmm-floor balloon 0 2>/tmp/count || exit 1
tail -n 1 /tmp/count
/lab/vmm-measure count -- /lab/vmm-floor balloon {TAKEN} 2>/tmp/count || exit 1
tail -n 1 /tmp/count
"""


def measure_balloon(arch: Arch) -> list[Figure]:
    """The figures: a guest that gives memory less one that does not."""
    require_counts(arch, "balloon")
    folder = Build(arch).make(
        ("tools/vmm", "tests/bench/vmm-measure",
         "tests/bench/vmm-floor")).parent.parent / "tests/bench"
    without, given, idle, floor = run_in_lab(
        arch, SCRIPT, [folder / "vmm-measure", folder / "vmm-floor"],
        limit=600)

    def per_mib(more: dict[str, int], less: dict[str, int], key: str) -> int:
        return (more[key] - less[key]) // TAKEN

    return [
        Figure("vmm_user", "VMM user code, instructions per MiB",
               per_mib(given, without, "vmm_user")),
        Figure("floor", "its floor", per_mib(floor, idle, "vmm_user")),
        Figure("host_kernel", "host kernel, instructions per MiB",
               per_mib(given, without, "host_kernel")),
        Figure("guest", "guest, instructions per MiB",
               per_mib(given, without, "guest")),
    ]
