"""Linux on every kind of host: processor, GIC, page size, CPUs, memory.

Not the whole product, but each pair that matters: every processor with GICv2
and with GICv3, with 4K and with 64K pages; every page size with both GICs; 16K
pages only where the processor has them. On each host the guest has one CPU and
several, and its memory in one piece and in two.
"""

from __future__ import annotations

from vmmtools.check.cases import Case, Host

HOSTS = (
    # Processors that differ: a53 has 40 address bits, a57 and a72 44, n1 48,
    # max 52; the first three have no VHE.
    Host("cortex-a53", 3, "4k"),
    Host("cortex-a53", 2, "64k"),
    Host("cortex-a57", 2, "4k"),
    Host("cortex-a57", 3, "64k"),
    Host("cortex-a72", 3, "4k"),
    Host("cortex-a72", 2, "64k"),
    Host("neoverse-n1", 3, "4k", smp=2),
    Host("neoverse-n1", 2, "16k"),
    Host("neoverse-n1", 3, "64k"),
    Host("max", 2, "4k"),
    Host("max", 3, "16k", smp=2),
    Host("max", 3, "64k"),
)

SPARSE = "--mem 96M@0x80000000 --mem 160M@0x900000000"


def linux(host: Host, irqchip: str, cpus: int, sparse: bool) -> Case:
    """A guest that finds what it was given."""
    chip = "GIC-0" if host.gic == 2 else "GICv3"
    memory = SPARSE if sparse else "--mem 256M"
    name = f"{host}-{irqchip}-{cpus}cpu{'-sparse' if sparse else ''}"
    its = ""
    # The best there is.
    if irqchip == "auto" and host.gic == 3:
        its = "; grep -r arm,gic-v3-its /proc/device-tree >/dev/null && echo has its"
    return Case(
        f"linux-{name}", host=host,
        script=f"guest 'facts {cpus} 256 {chip}{its}' {memory} "
               f"--cpus {cpus} --irqchip {irqchip}",
        out=("facts: good", "run: exit 0") + (("has its",) if its else ()),
        quiet=True)


def impossible(host: Host, irqchip: str) -> Case:
    """A GIC the host does not have."""
    return Case(
        f"{host}-refuses-{irqchip}", host=host, status=2, sentence=True,
        script=f"guest true --mem 64M --irqchip {irqchip}",
        err=(f"Fatal: --irqchip {irqchip}: this host's KVM offers gicv",))


def cases() -> list[Case]:
    """All of them."""
    found = []
    for host in HOSTS:
        if host.gic == 2:
            found += [linux(host, "gicv2", 1, True),
                      linux(host, "auto", 4, False),
                      impossible(host, "gicv3")]
        else:
            found += [linux(host, "gicv3", 1, False),
                      linux(host, "auto", 4, True),
                      impossible(host, "gicv2")]
    return found
