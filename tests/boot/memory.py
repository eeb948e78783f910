"""Guest memory from every source and kept in every way, on 4K and 64K hosts.

A guest sees no difference, so all of these run the same one. What differs is
seen from outside, or is an error that names the word.
"""

from __future__ import annotations

from vmmtools.check.cases import Case, Host

HOSTS = (Host(append="hugepages=40"),
         Host(page="64k", mem="3G",
              append="hugepagesz=2M hugepages=40 hugepagesz=512M hugepages=1"))
"""Each with 40 pages of 2M in its pool."""


def boots(name: str, policy: str, host: Host, after: str = "",
          out: tuple[str, ...] = (), before: str = "") -> Case:
    """A guest whose memory is of this policy, and finds all of it."""
    return Case(
        f"mem-{name}-{host.page}", host=host, quiet=True,
        script=f"{before}\nguest 'facts 1 64 GIC' --mem 64M,{policy} || exit\n"
        f"{after}", out=("facts: good", *out))


def refused(name: str, policy: str, host: Host, sentence: str,
            status: int = 2, before: str = "", after: str = "") -> Case:
    """A policy that this host cannot carry out."""
    return Case(
        f"mem-{name}-{host.page}", host=host, status=status, sentence=True,
        script=f"{before}\nguest true --mem 64M,{policy}\nended=$?\n{after}\n"
        "exit $ended", err=(f"Fatal: --mem 64M,{policy}: {sentence}",))


def sources(host: Host) -> list[Case]:
    """Where memory comes from."""
    return [
        boots("memfd", "share", host),
        boots("file", "backing=file:ram", host,
              "stat -c '%s bytes, mode %a' ram", ("67108864 bytes, mode 600",)),
        boots("file-private", "backing=file:ram,share=off", host,
              '[ "$sum" = "$(md5sum ram)" ] && echo unchanged', ("unchanged",),
              before="truncate -s 64M ram; sum=$(md5sum ram)"),
        boots("huge-2m", "huge=2M", host),
        boots("huge-file", "backing=file:pool/ram", host, "umount pool",
              before="mkdir pool; mount -t hugetlbfs -o pagesize=2M x pool"),
        refused("huge-file-reserve", "backing=file:pool/ram,reserve=off", host,
                "backing: reserve=off does not go with pool/ram, which is on "
                "a hugetlbfs: a page that is missing later would end the "
                "guest", before="mkdir pool; mount -t hugetlbfs -o "
                "pagesize=2M x pool",
                after="[ ! -e pool/ram ] || ended=99; umount pool"),
        refused("file-size", "backing=file:ram", host,
                "backing: ram: its size is 63M, that of the memory 64M",
                before="truncate -s 63M ram"),
        refused("file-special", "backing=file:/dev/zero", host,
                "backing: /dev/zero: not a regular file"),
        refused("file-full", "backing=file:full/ram,reserve", host,
                "backing: reserve=on: full/ram: No space left on device", 1,
                "mkdir full; mount -t tmpfs -o size=32M x full",
                "[ ! -e full/ram ] || ended=99; umount full"),
        refused("huge-size", "huge=16M", host, "huge=16M: this host has pages "
                "of " + ("64K, 2M, 32M, 1G" if host.page == "4k"
                         else "2M, 512M, 16G")),
        refused("huge-shortage", "huge=2M", host, "huge=2M: 32 pages are "
                "needed, 20 are free; /sys/kernel/mm/hugepages/"
                "hugepages-2048kB/nr_hugepages makes more", 1,
                "echo 20 >/sys/kernel/mm/hugepages/hugepages-2048kB/"
                "nr_hugepages", "echo 40 >/sys/kernel/mm/hugepages/"
                "hugepages-2048kB/nr_hugepages"),
    ]


def keeping(host: Host) -> list[Case]:
    """How memory is kept."""
    return [
        boots("kept", "prealloc,reserve,lock,dump,huge=off", host),
        boots("thp", "huge=thp,prealloc", host),
        Case(f"mem-too-much-{host.page}", host=host, status=1, sentence=True,
             script="guest true --mem 64G,prealloc",
             err=("Fatal: prealloc=on: 65536 MiB are asked for, the host has",
                  )),
    ]


def nodes() -> list[Case]:
    """NUMA nodes, which the host with 64K pages does not know."""
    with_nodes, without = HOSTS
    return [
        boots("node", "node=0,prealloc", with_nodes),
        boots("huge-node", "huge=2M,node=0,lock", with_nodes),
        refused("node-7", "node=7", with_nodes,
                "node=7: the nodes with memory of this host are 0"),
        refused("node", "node=0", without, "node=0: this host's kernel knows "
                "no nodes (CONFIG_NUMA)", 1),
    ]


STAGE2 = """\
guest 'echo here I am; sleep 1000' --mem {mem} --name blocks >out &
vmm=$!
wait_for grep -q here.I.am out
cat /sys/kernel/debug/kvm/*/stage2_page_tables >table
vmm stop blocks --force
wait $vmm
# What the guest has touched above 2 GiB: address, size, level, flags.
awk '/^0x/ && $1 >= "0x0000000080000000" && / R / {{
    if ($3 == {level} && / BLK/) blocks++; else others++ }}
END {{ print blocks + 0, "blocks,", others + 0, "others"; exit others > 0 }}' \
    table"""


def blocks() -> list[Case]:
    """A huge page of the host is a block of the guest's stage 2."""
    large = Host(mem="3G", append="hugepagesz=1G hugepages=1")
    return [
        Case("mem-blocks-2m", host=HOSTS[0], out=(" blocks, 0 others",),
             out_lacks=("0 blocks, 0",),
             script=STAGE2.format(mem="64M,huge=2M", level=2)),
        # Far up, as 32 bits of addresses take no table of such blocks.
        Case("mem-blocks-1g", host=large, out=("1 blocks, 0 others",),
             script=STAGE2.format(mem="1G@0x900000000,huge=1G", level=1)),
    ]


def progress() -> list[Case]:
    """A bar on a terminal, where Ctrl-C ends it."""
    return [Case(
        "mem-progress", host=HOSTS[0],
        script="on_pty expect ' of 768 MiB' send '\\x03' status 130 same -- "
        "vmm run $IMAGE --mem 768M,prealloc,huge=off",
        out_lacks=("Booting",))]


RUNNING = """\
guest 'echo here I am; while :; do cat /bin/busybox >/dev/null; done' \
    --mem 64M,backing=file:{path}{more} >out &
vmm=$!
wait_for grep -q here.I.am out
{then}
wait $vmm
ended=$?
{after}
exit $ended"""


def lost_pages(host: Host) -> list[Case]:
    """Memory that goes away under a running guest, and before it runs."""
    truncated = (r"Fatal: ", "guest memory at 0x80000000, offset 0x", ": ram "
                 "was truncated while the guest used it")
    tmpfs = "mkdir full; mount -t tmpfs -o size={size} x full\n"
    full = ("guest memory at 0x80000000, offset 0x", ": full/ram: no space "
            "left on its file system")
    return [
        Case(f"lost-{name}-{host.page}", host=host, status=1, err=err,
             script=script)
        for name, err, script in (
            ("truncated", truncated, RUNNING.format(
                path="ram", more="", then="truncate -s 1M ram", after="")),
            ("truncated-to-nothing", truncated, RUNNING.format(
                path="ram", more="", then=": >ram", after="")),
            ("truncated-4-cpus", truncated, RUNNING.format(
                path="ram", more=" --cpus 4 --rng", then="truncate -s 8M ram",
                after="")),
            ("full-while-loading", full, tmpfs.format(size="2M")
             + "guest true --mem 64M,backing=file:full/ram; ended=$?\n"
             "umount full; exit $ended"),
            ("full-while-running", full, tmpfs.format(size="30M")
             + "guest 'cat /dev/zero | tail' --mem 64M,backing=file:full/ram"
             "; ended=$?; umount full; exit $ended"),
        )]


def rom(host: Host) -> list[Case]:
    """Where ROM may lie; what it does is tested by tests/kvm."""
    def wrong(name: str, words: str, sentence: str) -> Case:
        return Case(
            f"rom-{name}-{host.page}", host=host, status=2, sentence=True,
            script=f"echo x >rom; guest true --mem 64M {words}",
            err=(f"Fatal: {sentence}",))
    page = 0x10000 if host.page == "64k" else 0x1000
    return [
        wrong("on-ram", "--mem 64M@0x90000000 --rom rom@0x90000000",
              "--mem 64M@0x90000000: overlaps the memory at 0x90000000"),
        wrong("twice", "--rom rom@0x10000000 --rom ./rom@0x10000000",
              "--rom ./rom@0x10000000: ROM rom at 0x10000000 "
              f"({page:#x} bytes) overlaps ROM rom at 0x10000000"),
        wrong("on-uart", "--rom rom@0x1000000", "ROM rom at 0x1000000: "),
        wrong("on-gic", "--rom rom@0x3fff0000",
              "ROM rom at 0x3fff0000: the interrupt controller is there"),
        wrong("unaligned", "--rom rom@0x10000800",
              "--rom rom@0x10000800: 0x10000800 is not a multiple of this "
              f"host's pages of {page >> 10}K"),
        wrong("too-high", "--rom rom@0x1000000000000",
              "ROM rom: needs 49 address bits, this host's KVM has 48"),
        wrong("missing", "--rom none@0", "--rom none@0: none: No such file"),
    ]


def cases() -> list[Case]:
    """All of them."""
    return [case for host in HOSTS
            for case in sources(host) + keeping(host) + lost_pages(host)
            + rom(host)] + nodes() + blocks() + progress()
