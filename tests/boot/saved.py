"""Snapshots of Linux guests, and guests that go on from them."""

from __future__ import annotations

from vmmtools.check.cases import Case, Host, mips_host

# A guest that counts, and one word on its console for each step.
COUNT = "i=0; while :; do i=$((i+1)); echo count $i; sleep 0.2; done"

# Starts a guest named `a` that counts, and waits until it does.
START = f"""
guest '{COUNT}' --name a --terminal socket {{words}} &
wait_for test -S /run/vmm/a.sock
vmm console a </dev/null >count & watch=$!
wait_for grep -q 'count 3' count
"""

# What the guest counted last before, and first after: no step is missing.
GOES_ON = """
last=$(tr -d '\\r' <count | sed -n 's/^count //p' | tail -n 1)
vmm restore {where} --name b {words} </dev/null >after-{where} & restored=$!
wait_for grep -q "count $((last + 5))" after-{where}
first=$(tr -d '\\r' <after-{where} | sed -n 's/^count //p' | head -n 1)
[ "$first" -le $((last + 1)) ] || fail "counted $last, then $first"
for i in 1 2 3; do grep -q "count $((last + i))" after-{where} || fail "no $i"; done
vmm stop --force b; wait_for eval '! kill -0 $restored'
echo goes on
"""

# Goes on by each way, and a snapshot of each is a diff on what it came from.
AGAIN = """
for way in copy map lazy; do
vmm restore s --name $way --memory $way --json --loglevel info \\
    --terminal socket >told-$way 2>said-$way & restored=$!
wait_for vmm stat $way
grep -q "\\"memory\\": \\"$way\\"" told-$way || fail "$(cat told-$way)"
grep -q "memory: $way" said-$way || fail "$(cat said-$way)"
vmm snapshot create $way of-$way --parent s --stop || fail "no diff of $way"
wait_for eval '! kill -0 $restored'
vmm snapshot verify of-$way || fail "verify of-$way"
pages=$(vmm snapshot info --json of-$way | tr -d ' \\n' | grep -o '"data-pages":[0-9]*' | tr -dc 0-9)
[ "$pages" -lt 4000 ] || fail "$pages pages of $way"
done
"""

# Memory that is not there, or not what it was, when the guest asks for it.
LOST = """
ram=$(ls -S s | grep -m 1 memory-)
cp -r s damaged
# Some of it is the kernel.
for at in $(seq 40 128 8000); do
    printf XX | dd of=damaged/$ram bs=4096 seek=$at conv=notrunc 2>&-
done
vmm restore damaged --memory copy --name c >c; echo "copy status $?"
vmm restore damaged --memory lazy --name l >l; echo "lazy status $?"
cp -r s short
vmm restore short --memory map --name m --paused & restored=$!
wait_for vmm stat m
truncate -s 0 short/$ram
vmm resume m
wait $restored; echo "map status $?"
"""

# What cannot be mapped or fetched is copied, and says why.
SLOWER = """
vmm restore s --name b --json --terminal socket >told & restored=$!
wait_for vmm stat b
grep -q '"memory": "copy", "slower": "guest memory at 0x.*memfd is its own file' told ||
    fail "$(cat told)"
vmm stop --force b; wait_for eval '! kill -0 $restored'
vmm restore s --name b --memory map; echo "map status $?"
vmm restore s --name b --memory lazy; echo "lazy status $?"
vmm restore s --name b --memory soon; echo "status $?"
"""

# Guests that go on from one snapshot at once: each is told its number, keeps it
# in a file, and tells it when it is asked again.
CLONES = """
free() {{ sed -n 's/^MemAvailable: *\\([0-9]*\\) kB/\\1/p' /proc/meminfo; }}
vmm restore s --name first --memory {way} --timeout 1 </dev/null >one
mkfifo second over
before=$(free)
for i in $(seq {count}); do
    {{ echo $i; read x <second; echo again; read x <over; }} |
        vmm restore s --name c$i --memory {way} >out$i 2>err$i &
done
for i in $(seq {count}); do wait_for grep -q "told $i, am $i" out$i; done
exec 4>second
seq {count} >&4
for i in $(seq {count}); do wait_for grep -q "told again, am $i" out$i; done
[ "$(vmm list --names | wc -l)" -eq {count} ] || fail "$(vmm list)"
used=$(( (before - $(free)) / {count} ))
file=$(du -k s/$(ls -S s | grep -m 1 memory-) | cut -f 1)
echo "a clone takes $used KiB of $file"
[ {shared} = no ] || [ $used -lt $((file / 2)) ] || fail "nothing is shared"
for i in $(seq {count}); do vmm stop --force c$i; done
exec 4>over
seq {count} >&4
wait
cat err*
echo clones answered
"""

# What is recorded is followed; and one that cannot be kept is no harm.
RECORDED = """
go_on() {
    vmm restore s --name b --loglevel info "$@" --terminal socket \\
        2>said & restored=$!
    wait_for vmm stat b
    wait_for grep -q 'all fetched' said
    vmm stop --force b; wait_for eval '! kill -0 $restored'
    cat said
}
go_on --record
grep -q 'asked for first' said || fail "nothing is recorded"
go_on --memory lazy
first=$(sed -n 's/.*, \\([0-9]*\\) of them by the order.*/\\1/p' said)
[ "$first" -gt 0 ] || fail "the order is not followed"
vmm snapshot verify s || fail verify
rm s/order; mkdir s/order
go_on --record
go_on --memory lazy
vmm restore s --record --memory map; echo "status $?"
"""

CLONED = """
mkfifo in
guest 'echo ready; while read n; do [ -e /n ] || echo $n >/n; echo told $n, am $(cat /n); done' \\
    --name a --mem 64M <in >out &
exec 3>in
wait_for grep -q ready out
vmm snapshot create a s --stop || fail create
exec 3>&-
wait
"""

HOST = Host("neoverse-n1", 3)

# A guest that sums up memory, a disk and random numbers, with each device.
LOADED = """
truncate -s 8M disk.img
mkfifo in
guest 'load 2' --name a --cpus 2 --mem 96M --disk disk.img --balloon \\
    --rng --power-button --mem 32M,max=96M <in >out & vmm=$!
exec 3>in
wait_for grep -q loaded out
for i in 1 2 3; do vmm snapshot create a s || fail create; done
vmm snapshot create a s2 --parent s --stop >told || fail stop
wait_for eval '! kill -0 $vmm'
vmm snapshot verify s2 || fail verify
exec 3>&-
vmm restore s2 --name b <in >out2 & vmm=$!
exec 3>in
wait_for vmm stat b
sleep 1
echo >&3
wait $vmm || fail "restored guest ended with $?"
cat out2
"""


# Writes a block, and wants the eighth before it as it was written.
WRITE = ("at() { echo $(($1 % 64 * 8)); }; i=0; while :; do i=$((i+1)); "
         "echo block-$i | dd of=/dev/vda bs=512 seek=$(at $i) conv=sync,fsync "
         "2>/dev/null; w=$((i-8)); r=$(dd if=/dev/vda iflag=direct bs=512 "
         "skip=$(at $w) count=1 2>/dev/null | head -n 1); "
         "[ $w -lt 1 -o block-$w = $r ] || echo wrong $w: $r; "
         "echo wrote $i; done")

# Snapshots with the disk while a guest writes it, and guests that go on from
# them when it is another.
COPIED = f"""
truncate -s 8M disk.img; truncate -s 4M ro.img
guest '{WRITE}' --name a --mem 96M --disk disk.imgWORDS --disk ro.img,ro \\
    --terminal socket & vmm=$!
wait_for test -S /run/vmm/a.sock
vmm console a </dev/null >wrote & wait_for grep -q 'wrote 9' wrote
vmm snapshot create a s --disks copy || fail create
last=$(grep -c wrote wrote); wait_for eval '[ $(grep -c wrote wrote) -gt $((last + 9)) ]'
vmm snapshot create a s2 --parent s; echo "status $?"
vmm snapshot create a s2 --parent s --disks copy || fail diff
vmm snapshot create a s3 --parent s2 --disks copy --stop || fail diff
wait_for eval '! kill -0 $vmm'
vmm snapshot merge s3 all || fail merge
vmm snapshot verify all || fail verify
vmm snapshot info all >info
grep -q 'disk  *[^ ]*/disk.img[^ ]*: 8M, copied' info || fail "$(cat info)"
grep -q 'disk  *[^ ]*/ro.img[^ ]*: 4M, referred to' info || fail "$(cat info)"
tr '\\0' x <disk.img >other; cat other >disk.img
for from in s s2 all; do
    vmm restore $from --name b --loglevel info </dev/null >$from.out 2>said & vmm=$!
    wait_for eval '[ $(grep -c wrote '$from'.out) -gt 12 ]'
    grep -q "the snapshot's copy" said || fail said
    vmm disk b | grep -q 'temp *[^ ]*/disk.img' || fail listed
    [ $from = all ] && {{ vmm snapshot create b none; echo "status $?"
        vmm snapshot create b s4 --disks copy || fail again; }}
    vmm stop --force b; wait_for eval '! kill -0 $vmm'
    grep wrong $from.out && fail "$from: wrong"
    echo $from goes on
done
vmm restore s4 --name b </dev/null >s4.out & vmm=$!
wait_for eval '[ $(grep -c wrote s4.out) -gt 12 ]'
vmm stop --force b; grep wrong s4.out && fail "s4: wrong"
cmp other disk.img && echo as it was
"""


# Two guests go on from one snapshot, and draw different numbers. Those of a
# kernel that does not know the device draw the same numbers, which shows that
# the device makes the difference. The same two may differ all the same, where
# the kernel reseeds just then, as it does every few seconds: another snapshot
# shows it.
DRAWN = """
start() {
    guest draws --name a --mem 256M --terminal socket & vmm=$!
    wait_for test -S /run/vmm/a.sock
    vmm console a </dev/null >drawn &
    wait_for grep -q 'draw .* 0 ' drawn
}
clone() {
    for name in b c; do
        vmm restore s --name $name </dev/null >$name & restored=$!
        wait_for eval '[ $(grep -c "draw .* '$1' " '$name') -gt 4 ]'
        vmm stop --force $name; wait_for eval '! kill -0 $restored'
        tr -d '\\r' <$name | grep -E "^draw [0-9]+ $1 [0-9a-f]{16}$" >$name.drawn
        cut -d ' ' -f 2 $name.drawn >$name.steps
    done
    [ $(grep -cxFf b.steps c.steps) -gt 2 ] || fail "other steps"
}
start
vmm snapshot create a s --stop || fail create
wait_for eval '! kill -0 $vmm'
clone 1
grep -xFf b.drawn c.drawn && fail "the same numbers"
echo differ
APPEND=initcall_blacklist=vmgenid_plaform_driver_init,vmgenid_platform_driver_init
start
vmm snapshot create a s --stop || fail create
wait_for eval '! kill -0 $vmm'
clone 0
grep -q 'draw [0-9]* 1 ' b c && fail "it heard of it all the same"
echo without it they are not told
"""


# A busy guest goes on from snapshot after snapshot, diffs among them, by each
# way in turn. As in migrate.py, numbers go in and come out.
BUSY = """
mkfifo in; truncate -s 8M disk.img; truncate -s 64K vars.fd; touch out
export APPEND=memhp_default_state=online_movable
work='stty -echo; mkfifo /tmp/go; exec 3<>/tmp/go; load {cpus} <&3 & echo begun;
while read n; do [ $n = end ] && break; echo got $n; done; echo >&3; wait'
guest "$(echo $work)" --cpus {cpus} {words} --control ./box \\
    <in >>out & vmm=$!
exec 3<>in # none of it ends while no vmm reads
wait_for grep -q begun out; wait_for grep -q loaded out
n=0
say() {{ for _ in 1 2 3 4 5; do n=$((n + 1)); echo $n >&3; usleep 20000; done; }}
for i in $(seq {times}); do
    say & talker=$!; n=$((n + 5))
    {during}
    if [ $((i % 5)) = 1 ]; then parent=; else parent="--parent s$((i - 1))"; fi
    vmm snapshot create ./box s$i $parent --stop >told || fail "snapshot $i"
    wait $talker
    wait $vmm || fail "$i ended with status $?"
    say
    vmm restore s$i --memory $(echo {ways} | cut -d ' ' -f $((i % 3 + 1))) \\
        --control ./box <in >>out & vmm=$!
    wait_for test -S box
    say
    [ $((i % 5)) = 0 ] && for old in $(seq $((i - 4)) $((i - 1))); do
        rm -r s$old
    done
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

MOVING = "vmm mem ./box --size $((96 + i % 3 * 128))M; vmm balloon ./box $((96 - i % 4 * 8))M"

# Name, host, CPUs, how often, words, what is done meanwhile, ways.
BUSY_ROWS = (
    ("its", HOST, 4, 6, "--rng --mem 96M,max=352M --balloon --disk disk.img "
     "--irqchip gicv3-its", MOVING, "copy map lazy"),
    ("file-16k", Host("neoverse-n1", 3, "16k"), 2, 4,
     "--rng --mem 96M,backing=file:ram,share --disk disk.img --flash vars.fd",
     "", "copy copy copy"),
    ("memfd-64k", Host("neoverse-n1", 3, "64k"), 2, 4,
     "--rng --mem 64M --mem 64M@0x900000000,backing=memfd,share", "",
     "copy copy copy"),
    ("huge-gicv2", Host("max", 2, append="hugepages=80"), 4, 4,
     "--rng --mem 96M,huge=2M --disk disk.img", "", "copy copy copy"),
    ("merged-max", Host("max"), 2, 4, "--rng --mem 96M,merge --disk disk.img "
     "--pmu", "echo 1 >/sys/kernel/mm/ksm/run", "copy map lazy"),
)


def busy_cases() -> list[Case]:
    """Of a guest that works all the time."""
    return [
        Case(f"snapshot-busy-{name}", host=host, limit=600,
             script=BUSY.format(cpus=cpus, times=times, words=words,
                                during=during, ways=ways),
             out=("sums held", "nothing is lost"), out_lacks=("wrong",))
        for name, host, cpus, times, words, during, ways in BUSY_ROWS
    ] + [
        Case("snapshot-busy-mips", host=mips_host(), limit=600,
             script=BUSY.format(cpus=1, times=4, words="--mem 48M", during="",
                                ways="copy map lazy"),
             out=("sums held", "nothing is lost"), out_lacks=("wrong",))]


def cases() -> list[Case]:
    """All of them."""
    full = "vmm snapshot create a s --stop || fail create\n"
    diff = ("vmm snapshot create a s --paused || fail create\n"
            "vmm snapshot create a s2 --parent s || fail diff\n"
            "vmm snapshot create a s3 --parent s2 --stop || fail diff\n")
    return busy_cases() + [
        Case("snapshot-goes-on", host=HOST, limit=150,
             script=START.format(words="--mem 128M") + full +
             GOES_ON.format(where="s", words=""), out=("goes on",)),
        Case("snapshot-diffs-go-on", host=HOST, limit=150,
             script="APPEND=console=hvc0\n" +
             START.format(words="--mem 128M --dirty-log bitmap "
                                 "--console virtio --irqchip gicv3-its") +
             diff + "vmm snapshot merge s3 all || fail merge\n"
             "vmm snapshot verify all || fail verify\n" +
             GOES_ON.format(where="s3", words="") +
             GOES_ON.format(where="all", words=""),
             out=("goes on",)),
        Case("snapshot-compressed", host=HOST, limit=200,
             script=START.format(words="--mem 128M") +
             "vmm snapshot create a s --compress || fail create\n"
             "vmm snapshot create a s2 --parent s --compress=19 --stop "
             "|| fail diff\n"
             "vmm snapshot verify s2 || fail verify\n"
             "vmm snapshot info s | grep -q 'compressed to' || fail ratio\n"
             "vmm snapshot merge s2 all || fail merge\n"
             "vmm snapshot info all | grep -q 'compressed' && fail merged\n"
             "[ $(du -s s | cut -f 1) -lt $(($(du -s all | cut -f 1) / 2)) ] "
             "|| fail size\n"
             "vmm restore s2 --memory map; echo \"status $?\"\n" +
             GOES_ON.format(where="s2", words="--memory copy"),
             out=("goes on", "status 2"), err=("the snapshot is compressed",)),
        Case("snapshot-ring-memfd", host=HOST, limit=150,
             script=START.format(words="--mem 64M,backing=memfd,share "
                                 "--mem 64M@0x900000000 --dirty-log ring") +
             diff + GOES_ON.format(where="s3", words=""), out=("goes on",)),
        Case("snapshot-of-all-devices", host=Host("neoverse-n1", 3, smp=2),
             limit=300, script=LOADED, out=("sums held",)),
        Case("snapshot-gicv2", host=Host("max", 2), limit=150,
             script=START.format(words="--mem 128M") + diff +
             GOES_ON.format(where="s3", words=""), out=("goes on",)),
        Case("snapshot-wrong-parent", host=HOST,
             script=START.format(words="--mem 96M") + """
vmm snapshot create a s --parent nowhere; echo "status $?"
vmm snapshot create a s || fail create
vmm snapshot create a s2 || fail create
vmm snapshot create a s3 --parent s; echo "status $?"
test -e s3 && fail "something is left"
mkdir mine; touch mine/photo
vmm snapshot create a mine; echo "status $?"
vmm snapshot create a nowhere/s; echo "status $?"
vmm snapshot create a s4 --parent s2 || fail "a full one that did not begin"
vmm snapshot create a s2 --parent s4; echo "status $?"
vmm snapshot verify s4 || fail verify
vmm stop --force a
""", out=("status 1",),
             err=("make a full one", "is not this guest's last snapshot",
                  "is no snapshot", "cannot replace what it stands on")),
        Case("restore-writes-flashes", host=HOST, limit=200,
             script="head -c 64k /dev/urandom >vars.fd; cp vars.fd kept\n" +
             START.format(words="--mem 96M --flash vars.fd") + full +
             "printf changed | dd of=vars.fd bs=1 seek=40000 conv=notrunc "
             "2>&-\n" + GOES_ON.format(where="s", words="--memory lazy") +
             "cmp vars.fd kept && echo as it was\n",
             out=("goes on", "as it was")),
        Case("snapshot-paused-guest", host=HOST, limit=150,
             script=START.format(words="--mem 96M") + """
vmm pause a
vmm snapshot create a s --stop || fail create
vmm restore s --name b --paused --terminal socket & restored=$!
wait_for vmm stat b
vmm list | grep -q paused || fail "it runs"
vmm resume b
vmm console b </dev/null >after & console=$!
wait_for grep -q count after
vmm stop --force b
echo goes on
""", out=("goes on",)),
        Case("restore-ways", host=HOST, limit=300,
             script=START.format(words="--mem 128M --balloon") + full +
             AGAIN + GOES_ON.format(where="of-map", words="") +
             GOES_ON.format(where="of-copy", words="--memory map"),
             out=("goes on",)),
        Case("restore-lost", host=HOST, limit=300,
             script=START.format(words="--mem 96M") + full + LOST,
             out=("copy status 2", "lazy status 1", "map status 1"),
             err=("wrong checksum",
                  " was truncated while the guest used it")),
        Case("restore-slower", host=HOST, limit=200,
             script=START.format(words="--mem 64M,backing=memfd,share") +
             full + SLOWER,
             out=("map status 2", "lazy status 2", "status 2"),
             err=("--memory map: guest memory at 0x80000000: memory of "
                  "backing=memfd is its own file", "--memory")),
        Case("restore-recorded", host=HOST, limit=400,
             script=START.format(words="--mem 96M") + full + RECORDED,
             out=("--record: order: Is a directory", "status 2"),
             err=("--record notes what is fetched",)),
        *[Case(f"restore-50-clones-{way}", limit=600,
               host=Host("neoverse-n1", 3, smp=2, mem="4G"),
               script=CLONED + CLONES.format(way=way, count=50,
                                             shared=shared),
               out=("clones answered",))
          for way, shared in (("map", "yes"), ("lazy", "no"))],
        Case("snapshot-disks-copied", host=HOST, limit=500,
             script=COPIED.replace("WORDS", ""), out=("as it was",),
             err=("s: holds copies of the disks",
                  "is in no file that a snapshot could refer to")),
        Case("snapshot-disks-copied-temp-direct", host=Host("max", 2),
             limit=500, script=COPIED.replace("WORDS", ",temp,direct"),
             out=("as it was",)),
        Case("snapshot-clones-draw-other-numbers",
             host=Host("max", mem="2G", guest="debian"), limit=500,
             script=DRAWN, out=("differ", "without it they are not told")),
        Case("snapshot-mips", host=mips_host(), limit=300,
             script=START.format(words="--mem 48M") + diff +
             GOES_ON.format(where="s3", words=""), out=("goes on",)),
    ]
