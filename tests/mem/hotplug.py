"""Memory that comes and goes under Linux guests (virtio-mem), seen from outside.

Each guest keeps a file in its memory, and says its checksum again and again.
What is plugged is onlined as movable, so that it can be unplugged.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

from mem.balloon import FILL, GUEST_SH, KEEP, SUM
from vmmtools.check.cases import Case, Host

HOST = Host(mem="2G")
POOL = replace(HOST, append="hugepages=150")
ROOM = "mount -o remount,size=90% /tmp; "
TOTAL = "grep MemTotal /proc/meminfo; "
# The device has plugged a block a moment before Linux has put it to use.
GROWN = ("until grep -q MemTotal:.*7[0-9][0-9][0-9][0-9][0-9] /proc/meminfo; "
         "do :; done; ")
MORE = 512 << 20
SHELL = """. "$LAB/mem/guest.sh"
export APPEND=memhp_default_state=online_movable
"""


def case(name: str, script: str, host: Host = HOST, **more: Any) -> Case:
    """A case that finds the functions of guest.sh."""
    return Case(f"hotplug-{name}", host=host, files=(GUEST_SH,), limit=400,
                script=SHELL + script, **more)


def grows_and_shrinks(name: str, words: str = "", host: Host = HOST,
                      before: str = "") -> Case:
    """Grow, use, shrink, grow again, with memory of any kind."""
    return case(name, f"""{before}
start '{KEEP}{TOTAL}echo up; read x; {GROWN}{TOTAL}{ROOM}{FILL.format(300)}
{SUM}echo filled; read x; {SUM}{TOTAL}echo small; read x; {SUM}' \
    --mem 256M,max=768M{words}
said up
is 'MiB at first' $(total 1) -lt 256
vmm mem ./box --size 768M
wait_for is_plugged {MORE}
go
said filled
is 'MiB then' $(total 2) -gt 700
is 'MiB used' $(host_memory) -gt 300
vmm mem ./box --size 256M
wait_for is_plugged 0
is 'MiB after' $(host_memory) -lt 300
go
said small
is 'MiB at last' $(total 3) -lt 256
vmm mem ./box --size 768M
wait_for is_plugged {MORE}
finish
same_sums 4
""", host=host)


def part_of_it() -> Case:
    """A size between, and a block that is no section of the guest's."""
    return case("part-of-it", f"""
start '{KEEP}echo up; read x; {SUM}' --mem 256M,max=768M,block=4M
said up
vmm mem ./box --size 400M
wait_for is_plugged {144 << 20}
vmm mem ./box --map >map
grep -q '^_ not plugged$' map || fail "the map does not tell what is plugged"
vmm mem ./box | grep -q 'anon, 144M plugged$' || fail "nor does the table"
vmm mem ./box --size 401M && fail "blocks are of 4M"
vmm mem ./box --size 772M && fail "768M are all"
vmm mem ./box --size 128M && fail "256M are there from the start"
vmm mem ./box --size 300M
wait_for is_plugged {44 << 20}
finish
same_sums 2
""", err=("box takes memory in blocks of 4M beyond what it started with",
          "box can have 768M at most",
          "box started with 256M; 'vmm balloon' can take of that"))


def restart() -> Case:
    """A restart unplugs all, and the next kernel plugs what is wanted."""
    return case("restart", f"""
start '{TOTAL}echo up; read x; [ .$x = .again ] && reboot -f; {TOTAL}' \
    --mem 256M,max=768M
said up
vmm mem ./box --size 768M
wait_for is_plugged {MORE}
echo again >&3
twice() {{ [ "$(grep -c '^up' out)" = 2 ]; }}
wait_for twice
wait_for is_plugged {MORE}
finish
is 'MiB then' $(total 2) -lt 780
""")


def pool_runs_dry() -> Case:
    """What the pool has not, is not plugged; nobody comes to harm."""
    return case("pool-runs-dry", f"""
start '{KEEP}echo up; read x; {SUM}' --mem 256M,max=768M,huge=2M
said up
is 'pages left' $(awk '/^HugePages_Free/ {{ print $2 }}' /proc/meminfo) -ge 22
vmm mem ./box --size 768M
wait_for grep -q 'the guest has to wait' "$WORK/err"
is 'bytes plugged' $(plugged) -le $((22 << 21))
vmm mem ./box --size 256M
wait_for is_plugged 0
finish
same_sums 2
""", host=POOL, err=("a request of the guest has to wait: 0x",))


def with_balloon() -> Case:
    """A balloon takes of what is plugged, and gives it back before it goes."""
    return case("with-balloon", f"""
start '{KEEP}echo up; read x; {ROOM}{FILL.format(300)}{SUM}
echo filled; read x; {SUM}' --mem 256M,max=768M --balloon=reporting=off
said up
vmm mem ./box --size 768M
wait_for is_plugged {MORE}
go
said filled
shrink 256
is 'MiB ballooned' $(resident) -lt 250
is 'bytes of RAM' $(balloon ram) -eq $((768 << 20))
vmm balloon ./box 768M
wait_for has_kept $((768 << 20))
vmm mem ./box --size 256M
wait_for is_plugged 0
is 'bytes of RAM after' $(balloon ram) -eq $((256 << 20))
finish
same_sums 3
""")


def disk_reads() -> Case:
    """A disk is read into what is plugged, while the rest comes and goes."""
    return case("disk-reads", f"""
dd if=/dev/urandom of=disk bs=1M count=64 2>/dev/null
start 'echo up; read x; for i in 1 2 3 4; do
echo 3 >/proc/sys/vm/drop_caches; sha256sum /dev/vda; done' \
    --mem 128M,max=640M --disk disk,ro
said up
vmm mem ./box --size 640M
wait_for is_plugged {MORE}
go
vmm mem ./box --size 256M
wait_for is_plugged {128 << 20}
vmm mem ./box --size 640M
wait_for is_plugged {MORE}
vmm mem ./box --dirty-rate=100ms >rate
vmm mem ./box --size 128M
finish
is 'sums' $(grep -c '  /dev/vda' out) -eq 4
is 'different sums' $( (sha256sum <disk; grep '  /dev/vda' out) |
    cut -d ' ' -f 1 | sort -u | wc -l) -eq 1
""")


def rebuilt() -> Case:
    """A new VM has the slots of what is plugged, and goes on plugging."""
    return case("rebuilt", f"""
start '{KEEP}echo up; read x; {ROOM}{FILL.format(300)}{SUM}echo filled;
while ! read -t 0 x; do sha256sum /tmp/keep; done | uniq; {SUM}' \\
    --mem 256M,max=768M
said up
vmm mem ./box --size 768M
wait_for is_plugged {MORE}
go
said filled
"$LAB/boot/rebuilds" ./box 5 1 150 || fail rebuild
vmm mem ./box --size 256M
"$LAB/boot/rebuilds" ./box 5 2 150 || fail rebuild
wait_for is_plugged 0
vmm mem ./box --size 512M
wait_for is_plugged {256 << 20}
finish
same_sums 4
""")


def unasked() -> Case:
    """The lab's own kernel uses what it plugs without a word."""
    return case("used-without-a-word", f"""
unset APPEND
start '{TOTAL}echo up; read x; {GROWN}{TOTAL}' --mem 256M,max=768M
said up
vmm mem ./box --size 768M
go
finish
is 'MiB at first' $(total 1) -lt 256
is 'MiB then' $(total 2) -gt 700
""")


def cases() -> list[Case]:
    """All of them."""
    shmem = "host_memory() { awk '/^Shmem:/ { print int($2 / 1024) }' " \
        "/proc/meminfo; }"
    return [
        grows_and_shrinks("anon"),
        grows_and_shrinks("memfd", ",backing=memfd", before=shmem),
        grows_and_shrinks("locked", ",lock,prealloc",
                          before="ulimit -l unlimited"),
        grows_and_shrinks("pages-of-16k", host=replace(HOST, page="16k")),
        grows_and_shrinks("pages-of-64k", host=replace(HOST, page="64k")),
        unasked(), part_of_it(), restart(), pool_runs_dry(), with_balloon(),
        disk_reads(), rebuilt(),
    ]
