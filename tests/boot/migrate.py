"""Linux guests that move from one vmm to another while they run."""

from __future__ import annotations

from vmmtools.check.cases import Case, Host, mips_host

from boot.saved import COUNT, START

HOST = Host("neoverse-n1", 3)

# Moves a busy guest from process to process. All of them have the same input and
# output, in which numbers go in and come out: none may be lost or come twice, or
# in another order. What sums up in the guest finds memory, disk, random numbers
# and clock as they were.
BUSY = """
mkfifo in; truncate -s 8M disk.img; touch out
set -- --cpus {cpus} --mem 96M --irqchip {irqchip} {words}
work='stty -echo; mkfifo /tmp/go; exec 3<>/tmp/go; load {cpus} <&3 & echo begun;
while read n; do [ $n = end ] && break; echo got $n; done; echo >&3; wait'
work=$(echo $work)
guest "$work" "$@" --control ./box0 <in >>out & vmm=$!
exec 3>in
wait_for grep -q begun out; wait_for grep -q loaded out
n=0
say() {{ for _ in 1 2 3 4 5; do n=$((n + 1)); echo $n >&3; usleep 20000; done; }}
for i in $(seq {times}); do
    say
    if [ $((i % 2)) = 0 ]; then
        vmm receive unix:./m.sock --control ./box$((i % 2)) <in >>out & next=$!
    else
        guest "$work" "$@" --incoming unix:./m.sock \
            --control ./box$((i % 2)) <in >>out & next=$!
    fi
    wait_for test -S m.sock
    say & talker=$!; n=$((n + 5))
    vmm migrate ./box$(((i + 1) % 2)) unix:./m.sock {how} || fail "migration $i"
    wait $talker; say
    wait $vmm || fail "source $i ended with status $?"
    vmm=$next
done
wait_for grep -q "got $n" out
echo end >&3
wait $vmm || fail "vmm ended with status $?"
tr -d '\\r' <out | sed -n 's/^got //p' >got
seq $n >sent
cmp sent got || fail "sent $n numbers: $(diff sent got | head)"
grep -E 'wrong|sums|summed' out
echo nothing is lost
"""

# Moves the guest `a` to another process of its name, whose output is `after`.
MOVE = """
receive() {{
    vmm receive "$@" </dev/null >after & received=$!
}}
goes_on() {{
    last=$(tr -d '\\r' <count | sed -n 's/^count //p' | tail -n 1)
    wait_for grep -q "count $((last + 5))" after
    first=$(tr -d '\\r' <after | sed -n 's/^count //p' | head -n 1)
    [ "$first" -le $((last + 1)) ] || fail "counted $last, then $first"
    for i in 1 2 3; do grep -q "count $((last + i))" after || fail "no $i"; done
    echo goes on
}}
"""

# A guest that writes 8 MB again and again, faster than they are sent.
CONVERGE = """
guest 'head -c 8000000 /dev/urandom >/tmp/a; (while :; do cp /tmp/a /tmp/b; done) &
    {count}' --name a --terminal socket --cpus 2 --mem 96M {words} &
wait_for test -S /run/vmm/a.sock
vmm console a </dev/null >count & watch=$!
wait_for grep -q 'count 9' count
receive unix:m.sock --name b
wait_for test -S m.sock
vmm migrate a unix:m.sock --bandwidth 4M/s --converge 2>told || fail migrate
grep -q 'slowed by' told || fail "$(cat told)"
cat told
goes_on
vmm stop --force b; wait_for eval '! kill -0 $received'
"""


def start(words: str) -> str:
    """A guest that counts, and what there is to move it."""
    return START.format(words=words) + MOVE.format()


ROWS = (
    (HOST, "gicv3", 4, 10, "--disk disk.img --rng"),
    (Host("neoverse-n1", 3), "gicv3-its", 2, 4,
     "--disk disk.img --rng --balloon --dirty-log ring"),
    (Host("max", 2), "gicv2", 4, 4, "--disk disk.img --rng"),
    (Host("neoverse-n1", 3, "16k"), "gicv3", 2, 4,
     "--disk disk.img --rng"),
    # This host has no io_uring, so that there are no disks.
    (Host("neoverse-n1", 3, "64k"), "gicv3", 2, 4, "--rng"),
    (mips_host(), "goldfish-pic", 1, 2, ""),
)

# Memory follows the guest; pages of the host are larger than what is sent.
FOLLOWED = (
    (HOST, "gicv3-its", 4, 6, "--disk disk.img --rng --balloon"),
    (Host("neoverse-n1", 3, "64k"), "gicv3", 2, 2, "--rng"),
    (mips_host(), "goldfish-pic", 1, 2, ""),
)


def busy_cases() -> list[Case]:
    """Of a guest that works all the time."""
    ways = (("busy", "--timeout 20s --then pause", ROWS),
            ("postcopy", "--postcopy", FOLLOWED))
    return [
        Case(f"migrate-{name}-{irqchip}-{host.page}-{cpus}cpu", host=host,
             limit=600,
             script=BUSY.format(irqchip=irqchip, cpus=cpus, times=times,
                                words=words, how=how),
             out=("sums held", "nothing is lost"), out_lacks=("wrong",))
        for name, how, rows in ways
        for host, irqchip, cpus, times, words in rows
    ]


def cases() -> list[Case]:
    """All of them."""
    return busy_cases() + [
        Case("migrate-goes-on", host=HOST, limit=300,
             script=start("--mem 96M") + """
vmm receive --name b >none 2>&1; echo "status $?"
receive unix:m.sock
wait_for test -S m.sock
vmm migrate a unix:m.sock || fail migrate
goes_on
vmm list | grep -q '^a ' || fail "its name is gone"
vmm stop --force a; wait_for eval '! kill -0 $received'
! test -e m.sock || fail "the socket is left"
""", out=("status 2", "goes on", "a: moved")),
        *(Case(f"migrate-converges-{kind}", host=HOST, limit=300,
               script=MOVE.format() + CONVERGE.format(
                   count=COUNT, words=f"--dirty-log {kind}").replace(
                       " &\n    ", " & "),
               out=("goes on", "a: moved", "slowed by"))
          for kind in ("clear", "ring")),
        # What the guest has in memory is larger than what goes.
        Case("migrate-compressed", host=HOST, limit=300,
             script=start("--mem 96M") + """
receive unix:m.sock --name b
wait_for test -S m.sock
vmm migrate a unix:m.sock --compress=3 --json >told || fail migrate
cat told; goes_on
sent=$(sed -n 's/.*"transferred": *\\([0-9]*\\).*/\\1/p' told)
pages=$(sed -n 's/.*"normal": *\\([0-9]*\\).*/\\1/p' told)
[ "$pages" -gt 1000 ] && [ "$sent" -lt $((pages * 2048)) ] && echo smaller
vmm stop --force b; wait_for eval '! kill -0 $received'
""", out=("goes on", "smaller")),
        # By way of a shell, two pipes, and programs that splice.
        Case("migrate-by-a-command", host=HOST, limit=300,
             script=start("--mem 96M") + """
mkfifo there back
receive --name b 'exec:cat <there & exec cat >back'
vmm migrate a 'exec:cat <back & exec cat >there' || fail migrate
goes_on
vmm stop --force b; wait_for eval '! kill -0 $received'
""", out=("goes on", "a: moved")),
    ]
