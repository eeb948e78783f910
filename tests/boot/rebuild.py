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

# All at once, 50 times and more at random moments: sums of memory and of a disk, another disk that
# is written and verified again and again, numbers that go in and come out, and a
# balloon and a virtio-mem that are told another size all the time.
MOVING = """
mkfifo in; truncate -s 8M disk.img; truncate -s 4M io.img; touch out
APPEND=memhp_default_state=online_movable
work='stty -echo; mkfifo /tmp/go; exec 3<>/tmp/go; load 2 <&3 &
(while [ ! -e /tmp/end ]; do for do in wipe zeroes write verify; do
diskio $do /dev/vdb 5 || echo wrong disk; done; done >/tmp/io;
grep -v good /tmp/io; echo verified $(grep -c verify /tmp/io)) & echo begun;
while read n; do [ $n = end ] && break; echo got $n; done; echo >&3; wait'
guest "$(echo $work)" --cpus 2 --mem 128M,max=384M --rng --balloon {words} \\
    --disk disk.img --disk io.img --control ./box <in >out & vmm=$!
exec 3>in
wait_for grep -q begun out; wait_for grep -q loaded out
talk() {{
    n=0
    until [ -e enough ]; do n=$((n + 1)); echo $n >&3; usleep 20000; done
    echo $n >talked
}}
plugged() {{ vmm mem ./box --json | sed -n 's/^ *"plugged": \\([0-9]*\\).*/\\1/p'; }}
actual() {{ vmm balloon ./box --json | sed -n 's/^ *"actual": \\([0-9]*\\).*/\\1/p'; }}
# Another size once the guest has begun to follow the last one.
move() {{
    size=384
    until [ -e enough ]; do
        was=$(plugged)
        vmm mem ./box --size ${{size}}M || touch refused
        until [ -e enough ] || [ $(plugged) != $was ]; do
            for mib in 112 128; do
                vmm balloon ./box ${{mib}}M || touch refused
                usleep 100000; actual >>kept
            done
        done
        plugged >>sizes; size=$((512 - size))
    done
    touch moved
}}
touch kept; talk & move &
rounds=0
until [ $rounds -ge 5 ] && [ -s sizes ] && [ $(sort -u kept | wc -l) -gt 1 ]; do
    "$LAB/boot/rebuilds" ./box 10 $(({seed} + rounds)) 100 ||
        {{ tail -n 20 out; fail rebuild; }}
    rounds=$((rounds + 1))
done
touch enough; wait_for test -s talked; wait_for test -e moved
[ ! -e refused ] || fail "a size is refused"
wait_for grep -q "got $(cat talked)" out
echo end >&3
wait $vmm || fail "vmm ended with status $?"
tr -d '\\r' <out | sed -n 's/^got //p' >got
seq $(cat talked) >sent
cmp sent got || fail "sent $(cat talked) numbers: $(diff sent got | head)"
grep -E 'wrong|sums|verified|bad' out
echo "$(sort -u sizes | wc -l) sizes, $(sort -u kept | wc -l) of the balloon"
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
    ] + [
        Case(f"rebuild-moving-{irqchip}", host=host, limit=400,
             script=MOVING.format(words=f"--irqchip {irqchip}", seed=seed),
             out=("rebuilt", "sums held", "verified "),
             out_lacks=("wrong", "bad", "verified 0"))
        for host, irqchip, seed in (
            (Host("neoverse-n1", 3), "gicv3-its", 100),
            (Host("max", 2), "gicv2", 200))
    ]
