"""A Linux guest whose VM is made anew under it, on every kind of host."""

from __future__ import annotations

from vmmtools.check.cases import Case, Host

SCRIPT = """
mkfifo in; truncate -s 8M disk.img
guest 'load {cpus}' --cpus {cpus} --mem 96M --irqchip {irqchip} --rng \\
    {words} --control ./box <in >out & vmm=$!
exec 3>in
wait_for grep -q loaded out
"$LAB/boot/rebuilds" ./box {times} {seed} 150 || {{ tail -n 20 out; fail rebuild; }}
echo >&3
wait $vmm || fail "vmm ended with status $?"
cat out
"""

DISK = "--disk disk.img"
LONG = 20
SHORT = 6
# Long where interrupts differ; where something is added, that is to be seen.
ROWS = (
    (Host("neoverse-n1", 3), "gicv3", 4, SHORT, DISK),
    (Host("neoverse-n1", 3), "gicv3-its", 2, LONG, DISK),
    (Host("max", 2), "gicv2", 4, LONG, DISK),
    (Host("max"), "gicv3", 2, SHORT, DISK + " --pmu"),
    (Host("max"), "gicv3", 1, SHORT,
     DISK + " --dirty-log ring"),
    (Host("neoverse-n1", 3, "16k"), "gicv3", 2, SHORT,
     DISK + " --balloon"),
    # This host has no io_uring, so that there are no disks.
    (Host("neoverse-n1", 3, "64k"), "gicv3-its", 2, SHORT, ""),
)


def cases() -> list[Case]:
    """All of them."""
    return [
        Case(f"rebuild-{host.cpu}-{irqchip}-{host.page}-"
             f"{cpus}cpu", host=host, limit=300,
             script=SCRIPT.format(irqchip=irqchip, cpus=cpus, times=times,
                                  words=words, seed=1000 + number),
             out=("rebuilt", "sums held"), out_lacks=("wrong",))
        for number, (host, irqchip, cpus, times, words) in enumerate(ROWS)
    ]
