"""A Linux guest whose VM is made anew under it, on every kind of host."""

from __future__ import annotations

from vmmtools.check.cases import Case, Host

SCRIPT = """
mkfifo in; truncate -s 8M disk.img
guest 'load {cpus}' --cpus {cpus} --mem 96M --irqchip {irqchip} --rng \\
    {words} --control ./box <in >out & vmm=$!
exec 3>in
wait_for 120 grep -q loaded out
"$LAB/boot/rebuilds" ./box 20 {seed} 150 || {{ tail -n 20 out; fail rebuild; }}
echo >&3
wait $vmm || fail "vmm ended with status $?"
cat out
"""

DISK = "--disk disk.img"
ROWS = (
    (Host("neoverse-n1", 3), "gicv3", 4, DISK),
    (Host("neoverse-n1", 3), "gicv3-its", 2, DISK),
    (Host("cortex-a72", 2), "gicv2", 4, DISK),
    (Host("max,pauth-impdef=on", 3), "gicv3", 2, DISK + " --pmu"),
    (Host("max,pauth-impdef=on", 3), "gicv3", 1, DISK + " --dirty-log ring"),
    (Host("neoverse-n1", 3, "16k", guest="full"), "gicv3", 2,
     DISK + " --balloon"),
    # This host has no io_uring, so that there are no disks.
    (Host("neoverse-n1", 3, "64k"), "gicv3-its", 2, ""),
)


def cases() -> list[Case]:
    """All of them."""
    return [
        Case(f"rebuild-{host.cpu.split(',')[0]}-{irqchip}-{host.page}-"
             f"{cpus}cpu", host=host, limit=300,
             script=SCRIPT.format(irqchip=irqchip, cpus=cpus, words=words,
                                  seed=1000 + number),
             out=("rebuilt", "sums held"), out_lacks=("wrong",))
        for number, (host, irqchip, cpus, words) in enumerate(ROWS)
    ]
