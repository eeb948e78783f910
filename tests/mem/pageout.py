"""Memory that the host takes without the guest: swapped out to zram."""

from __future__ import annotations

from typing import Any

from mem.balloon import GUEST_SH, KEEP, SUM
from vmmtools.check.cases import Case, Host

HOST = Host(mem="2G")
ZRAM = """
echo 512M >/sys/block/zram0/disksize
mkswap /dev/zram0 >/dev/null
swapon /dev/zram0 || fail "no swap"
trap 'swapoff /dev/zram0; echo 1 >/sys/block/zram0/reset' EXIT
swapped() { awk '/^Swap:/ { print int($2 / 1024) }' \
    "/proc/$(process)/smaps_rollup"; }
"""

NO_IDLE = """
mount -t tmpfs none /sys/kernel/mm/page_idle || fail "page_idle stays"
trap 'umount /sys/kernel/mm/page_idle; swapoff /dev/zram0
    echo 1 >/sys/block/zram0/reset' EXIT
"""
GROUP = """
group=/sys/fs/cgroup/cold
echo +memory >/sys/fs/cgroup/cgroup.subtree_control
mkdir -p $group
echo 0 >$group/cgroup.procs || fail "no cgroup"
"""


def case(name: str, script: str, **more: Any) -> Case:
    """A case that finds the functions of guest.sh."""
    return Case(f"pageout-{name}", host=HOST, files=(GUEST_SH,), limit=400,
                script=f'. "$LAB/mem/guest.sh"\n{script}', **more)


def cases() -> list[Case]:
    """All of them."""
    return [
        case("all", f"""{ZRAM}
start '{KEEP}echo kept; read x; {SUM}read x; {SUM}' --mem 256M
said kept
before=$(resident)
is 'MiB before' $before -gt 35
vmm mem ./box --pageout
is 'MiB after' $(resident) -lt $((before / 2))
is 'MiB swapped' $(swapped) -gt 20
go
go
finish
same_sums 3
""", out=("paged out ",)),
        case("anew", f"""{ZRAM}
start '{KEEP}echo kept; read x; {SUM}read x; {SUM}' --mem 256M
said kept
vmm mem ./box --pageout=cold:1h 2>first &
replaced() {{
    vmm mem ./box --pageout
    grep 'Fatal: ./box: another pageout took its place' first
}}
wait_for replaced
go
go
finish
same_sums 3
""", out=("paged out ",)),
        case("cold", f"""{ZRAM}
start '{KEEP}dd if=/dev/urandom of=/tmp/hot bs=1M count=4 2>/dev/null;
while ! read -t 0 x; do sha256sum /tmp/hot; done >/tmp/sums; {SUM}
sort -u /tmp/sums | wc -l | sed s/^/hot:/' --mem 256M
said keep
sleep 5
vmm mem ./box --pageout=cold:8s
is 'MiB swapped' $(swapped) -ge 14
is 'MiB that stay' $(resident) -gt 4
finish
same_sums 2
""", out=("paged out ", "hot:1")),
        case("cold-by-writes", f"""{ZRAM}{NO_IDLE}{GROUP}
vmm doctor | grep 'cold pages'
start '{KEEP}while ! read -t 0 x; do dd if=/dev/urandom of=/tmp/hot bs=1M count=4
conv=notrunc 2>/dev/null; done; {SUM}' --mem 256M
said keep
sleep 5
vmm mem ./box --pageout=cold:8s
is 'MiB swapped when named' $(swapped) -eq 0
echo 16M >$group/memory.reclaim
is 'MiB swapped when short' $(swapped) -ge 12
finish
same_sums 2
""", out=("PAGEMAP_SCAN, by writes", "were not written")),
        case("region", f"""{ZRAM}
start '{KEEP}echo kept; read x; {SUM}' --mem 128M@0x80000000 \
    --mem 64M@0x90000000,lock
said kept
vmm mem ./box --pageout=0x90000000 && fail "locked memory was swapped out"
vmm mem ./box --pageout=nosuch && fail "there is no such memory"
vmm mem ./box --pageout=0x80001000
is 'MiB swapped' $(swapped) -gt 10
finish
same_sums 2
""", err=("at 0x90000000: lock=on keeps its pages in",
              "'nosuch' is neither the address nor the name of memory")),
        case("no-swap", """
start 'echo there; read x' --mem 64M
said there
vmm mem ./box --pageout
is status $? -eq 1
finish
""", err=("at 0x80000000: this host has no swap space to put pages in (swapon(8))",)),
    ]
