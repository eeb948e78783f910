"""tools/bench boot: what a guest's life from start to power-off costs."""

from __future__ import annotations

from vmmtools.arch import Arch
from vmmtools.bench import Figure, run_in_lab
from vmmtools.build import Build

RUN = ("vmm run --kernel /guest/{kernel} --mem 256M "
       "--initrd {initrd} --params 'console=ttyS0 panic=-1 quiet{more}'")
MARKER = "at-the-prompt"


def _boot(arch: Arch) -> str:
    """The guest that powers off at once."""
    return RUN.format(kernel=arch.kernel_name, initrd="/guest/bench.cpio",
                      more="")


def _rss(arch: Arch) -> str:
    """Leaves a guest's resident memory in /tmp/rss."""
    idle = RUN.format(kernel=arch.kernel_name, initrd="/guest/initrd",
                      more=f' run="echo {MARKER}; sleep 1000"')
    return (f"/lab/vmm-measure rss {MARKER} -- {idle} </dev/null 2>/tmp/rss "
            ">/dev/null || exit 1\n")


# The first boot fills the host's page cache. The results come last, a line
# each, and the guests' output goes nowhere.
COUNTED = """
{boot} </dev/null >/dev/null || exit 1
/lab/vmm-measure count -- {boot} </dev/null 2>/tmp/count >/dev/null || exit 1
/lab/vmm-measure exits -- {boot} </dev/null 2>/tmp/exits >/dev/null || exit 1
{rss}
tail -q -n 1 /tmp/count /tmp/exits /tmp/rss
"""

# Where the processor counts nothing: CPU time, which under icount is
# instructions, and the trace buffer's own count of events, in boots that are
# not measured otherwise.
TIMED = """
{boot} </dev/null >/dev/null || exit 1
/lab/vmm-measure time -- {boot} </dev/null 2>/tmp/time >/dev/null || exit 1
events() {{
    echo 1 >/sys/kernel/tracing/events/kvm/$1/enable
    echo >/sys/kernel/tracing/trace
    {boot} </dev/null >/dev/null || exit 1
    echo 0 >/sys/kernel/tracing/events/kvm/$1/enable
    awk '/^entries:|^overrun:/ {{ n += $2 }} END {{ print n }}' \\
        /sys/kernel/tracing/per_cpu/cpu0/stats
}}
echo "{{\\"exits\\": $(events kvm_exit)}}"
echo "{{\\"user_exits\\": $(events kvm_userspace_exit)}}"
{rss}
tail -q -n 1 /tmp/time /tmp/rss
"""


def boot_script(arch: Arch) -> str:
    """What is run in the lab."""
    form = COUNTED if arch.counts else TIMED
    return form.format(boot=_boot(arch), rss=_rss(arch))


def measure_boot(arch: Arch) -> list[Figure]:
    """The figures of the second boot in a host that booted one before."""
    folder = Build(arch).make(
        ("tools/vmm", "tests/bench/vmm-measure")).parent.parent
    found: dict[str, int] = {}
    for part in run_in_lab(arch, boot_script(arch),
                           [folder / "tests/bench/vmm-measure"]):
        found.update(part)
    if not arch.counts:
        return [
            Figure("cpu_ns", "all, instructions (by CPU time)",
                   found["cpu_ns"]),
            Figure("exits", "exits from the guest", found["exits"]),
            Figure("user_exits", "exits to user space", found["user_exits"]),
            Figure("rss_kib", "resident outside guest RAM, KiB",
                   found["rss_kib"]),
        ]
    return [
        Figure("vmm_user", "VMM user code, instructions", found["vmm_user"],
               440_000, "kvmtool 443 k, QEMU 91.9 M; we want 250 k"),
        Figure("guest", "guest, instructions", found["guest"]),
        Figure("host_kernel", "host kernel, instructions",
               found["host_kernel"]),
        Figure("all", "all, instructions", found["all"], 43_500_000,
               "kvmtool 43.5 M, QEMU 198 M; we want 40 M"),
        Figure("exits", "exits from the guest", found["exits"]),
        Figure("user_exits", "exits to user space", found["user_exits"]),
        Figure("rss_kib", "resident outside guest RAM, KiB",
               found["rss_kib"], 1229, "kvmtool 1.1 MiB, QEMU 54 MiB"),
    ]
