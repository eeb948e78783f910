"""What MIPS KVM must see of its host's memory: all that Linux does to it.

The host's kernel has no zram, so the swap is a file in its memory.
"""

from __future__ import annotations

from typing import Any

from mem.balloon import FILL, GUEST_SH, KEEP, SUM
from vmmtools.check.cases import Case, mips_host

HOST = mips_host()
SMALL_KEEP = KEEP.replace("count=20", "count=6")
SWAP = """
dd if=/dev/zero of=/swap bs=1M count=64 2>/dev/null
loop=$(losetup -f) && losetup "$loop" /swap || fail "no loop device"
mkswap "$loop" >/dev/null
swapon "$loop" || fail "no swap"
trap 'swapoff "$loop"; losetup -d "$loop"; rm /swap' EXIT
swapped() { awk '/^Swap:/ { print int($2 / 1024) }' \
    "/proc/$(process)/smaps_rollup"; }
"""
KSM = """
ksm=/sys/kernel/mm/ksm
echo 5000 >$ksm/pages_to_scan
echo 10 >$ksm/sleep_millisecs
echo 1 >$ksm/run
trap 'echo 2 >$ksm/run' EXIT
sharing() { cat $ksm/pages_sharing; }
merged() { [ $(sharing) -gt 1500 ]; }
unmerged() { [ $(sharing) -lt 700 ]; }
"""
SAME = ("yes {} | dd of=/tmp/same bs=64k count=128 iflag=fullblock{} "
        "2>/dev/null; ")


def case(name: str, script: str, **more: Any) -> Case:
    """A case that finds the functions of guest.sh."""
    return Case(f"mips-{name}", host=HOST, files=(GUEST_SH,), limit=240,
                script=f'. "$LAB/mem/guest.sh"\n{script}', **more)


def cases() -> list[Case]:
    """All of them."""
    return [
        case("balloon-gives-back", f"""
start '{SMALL_KEEP}{FILL.format(40)}echo filled; read x;
{SUM}{FILL.format(40)}echo again; read x; {SUM}' \
    --mem 96M --balloon=reporting=off
said filled
is 'MiB before' $(resident) -gt 50
shrink 40
is 'MiB after' $(resident) -lt 45
is 'bytes given back' $(balloon given-back) -ge $((56 << 20))
shrink 96
go
said again
is 'MiB used again' $(resident) -gt 50
finish
same_sums 3
"""),
        case("copy-on-write-of-a-file", f"""
truncate -s 48M ram
was=$(md5sum ram)
start '{SMALL_KEEP}read x; {SUM}' --mem 48M,backing=file:ram,share=off
said keep
finish
same_sums 2
[ "$was" = "$(md5sum ram)" ] || fail 'the file has changed'
echo unchanged
""", out=("unchanged",)),
        case("memory-of-a-memfd", f"""
start '{SMALL_KEEP}read x; {SUM}' --mem 48M,backing=memfd
said keep
finish
same_sums 2
"""),
        # The merged pages are one; each is a page of its own once written.
        case("ksm-merges-and-unmerges", f"""{KSM}
start '{SMALL_KEEP}{SAME.format("a", "")}md5sum /tmp/same; read x;
md5sum /tmp/same; {SAME.format("b", " conv=notrunc")}md5sum /tmp/same;
dd if=/dev/urandom of=/tmp/same bs=64k count=128 conv=notrunc 2>/dev/null;
echo random; read x; {SUM}' --mem 64M,merge=on
wait_for merged
echo pages merged $(sharing)
go
said random
wait_for unmerged
is 'pages merged' $(sharing) -lt 700
finish
same_sums 2
grep ' /tmp/same' out | sort | uniq -c | awk '{{ print "of " $1 }}'
""", out=("of 2\n", "of 1\n")),
        case("pageout-to-swap", f"""{SWAP}
start '{SMALL_KEEP}echo kept; read x; {SUM}read x; {SUM}' --mem 48M
said kept
before=$(resident)
# This kernel spares what KVM says was used since it last asked, all at first.
for try in 1 2 3; do vmm mem ./box --pageout; done
is 'MiB after' $(resident) -lt $before
is 'MiB swapped' $(swapped) -gt 6
go
go
finish
same_sums 3
""", out=("paged out ",)),
    ]
