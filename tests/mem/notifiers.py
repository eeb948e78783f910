"""What the host does to memory of a running guest: KVM is told, and follows.

KVM's tracepoints say what the MMU notifier told it about the guest's memory:
unmap (a discard; a page that is write-protected or copied on write), age. All
the while the guest's CPUs read what they keep there.
"""

from __future__ import annotations

from typing import Any

from mem.balloon import GUEST_SH, KEEP, SUM
from mem.pageout import ZRAM
from vmmtools.check.cases import Case, Host

HOST = Host(mem="2G", smp=2)
TRACE_SH = (GUEST_SH[0].with_name("trace.sh"), "/lab/mem/trace.sh")
# With -t 0 a line is only seen, not taken.
BUSY = ("while ! read -t 0 x; do sha256sum /tmp/keep; done >/tmp/sums; "
        "read x; sort -u /tmp/sums | wc -l | sed s/^/kinds:/; read x; ")
SEQ = "seq 1 700000 | head -c 4194304"
"""Numbers without end: no page of it is like another, in each guest alike."""
SECOND = """
mkfifo in2
guest '{}' --mem 64M,merge=on --control ./box2 <in2 >out2 &
second=$!
exec 4>in2
"""
MERGE = """
cd /sys/kernel/mm/ksm || fail "no KSM"
echo 0 >use_zero_pages
echo 4000 >pages_to_scan
echo 5 >sleep_millisecs
trap 'echo 2 >/sys/kernel/mm/ksm/run' EXIT
cd - >/dev/null
sharing() { cat /sys/kernel/mm/ksm/pages_sharing; }
shares() { [ $(sharing) -ge "$1" ]; }
shares_less() { [ $(sharing) -le "$1" ]; }
scans() { cat /sys/kernel/mm/ksm/full_scans; }
scanned() { [ $(scans) -ge "$1" ]; }
# told: what vmm says is merged of the guest's regions, in KiB; - if it cannot.
told() {
	vmm mem ./box --json | awk -F '[ ,:]+' '/^      "merged": / {
		n++; sum += $3 / 1024 } END { print n ? int(sum) : "-" }'
}
"""


def case(name: str, script: str, **more: Any) -> Case:
    """A case that finds the functions of guest.sh and trace.sh."""
    return Case(f"notifier-{name}", host=HOST, files=(GUEST_SH, TRACE_SH),
                limit=240, script='. "$LAB/mem/guest.sh"\n'
                f'. "$LAB/mem/trace.sh"\n{script}', **more)


def unmap() -> Case:
    """What the balloon gives back is unmapped while another CPU works."""
    return case("unmap", f"""
start '{KEEP}dd if=/dev/zero of=/tmp/fill bs=1M count=100 2>/dev/null;
rm /tmp/fill; echo kept; {BUSY}{SUM}' --mem 256M --cpus 2 --balloon
said kept
trace kvm_unmap_hva_range
shrink 128
is 'ranges unmapped' $(traced kvm_unmap_hva_range) -ge 32
go
finish
same_sums 2
""", out=("kinds:1",))


def age() -> Case:
    """Whoever asks which pages are idle has KVM look at stage 2."""
    return case("age", f"""{ZRAM}
start '{KEEP}echo kept; {BUSY}{SUM}' --mem 256M --cpus 2
said kept
trace kvm_age_hva
vmm mem ./box --pageout=cold:2s
# A huge page is asked for once.
is 'pages aged' $(traced kvm_age_hva) -ge 20
is 'MiB that stay' $(resident) -gt 20
go
finish
same_sums 2
""", out=("kinds:1",))


def merge() -> Case:
    """Two guests with equal pages: merged, read, written, and never mixed."""
    return case("merge", f"""{MERGE}
{SECOND.format(f"{SEQ} >/tmp/keep; echo kept; {BUSY}"
               f"{SEQ} | tr 0-9 a-j | dd of=/tmp/keep conv=notrunc "
               "2>/dev/null; sha256sum /tmp/keep; read x; "
               "tr a-j 0-9 </tmp/keep | sha256sum")}
start '{SEQ} >/tmp/keep; echo kept; {BUSY}{SUM}read x; {SUM}' \
    --mem 64M,merge=on
said kept
wait_for grep -q kept out2
trace kvm_unmap_hva_range
echo 1 >/sys/kernel/mm/ksm/run
wait_for shares 1000
echo "merged: $(sharing)"
is 'ranges write-protected' $(traced kvm_unmap_hva_range) -ge 1000
wait_for scanned $(($(scans) + 2))
# No more is merged; what is merged stays so until somebody writes.
echo 0 >/sys/kernel/mm/ksm/run
is 'KiB told to be merged' "$(told)" -ge 4000
vmm mem ./box
echo >&4
wait_for grep -q kinds:1 out2
merged=$(sharing)
trace kvm_unmap_hva_range
echo >&4
wait_for grep -q ' /tmp/keep' out2
is 'ranges copied' $(traced kvm_unmap_hva_range) -ge 900
# Only a scan counts again.
echo 1 >/sys/kernel/mm/ksm/run
wait_for shares_less $((merged - 800))
echo "merged: $(sharing), was $merged"
go
said kinds:1
go
echo >&4
wait $second || fail "the second guest ended badly"
finish
same_sums 2
cat out2
is 'right after all' $(grep -o '^[0-9a-f]*  ' out out2 | cut -d: -f2 |
    sort | uniq -c | awk '$1 == 3' | wc -l) -eq 1
""", out=("kinds:1",))


def cases() -> list[Case]:
    """All of them."""
    return [unmap(), age(), merge()]
