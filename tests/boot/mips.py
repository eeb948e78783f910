"""Linux on MIPS hosts: what is not the same for every architecture.

The 16K host's kernel has no io_uring: disks are tested on the other.
"""

from __future__ import annotations

from boot import artifacts, life
from vmmtools.check.cases import Case, Host, mips_host

HOST = mips_host()
HOST_16K = mips_host(page="16k")
HOSTS = (
    HOST, HOST_16K,
    # Processors that differ: the 24Kc has no FPU, the 74Kf another pipeline,
    # the M14Kc is the smallest, the P5600 a release 5 with other floats.
    mips_host(cpu="24Kc"),
    mips_host(cpu="74Kf"),
    mips_host(cpu="M14Kc"),
    mips_host(cpu="P5600", append="ieee754=relaxed"),
)
RUN = 'vmm run --kernel "$IMAGE" --initrd "$INITRD" --mem 64M'
PAGE_SIZE = ("set $(od -An -v -tu4 /proc/self/auxv); "
             "while [ $1 != 6 ]; do shift 2; done; echo pages of $2")
"""Says what AT_PAGESZ is."""
IMAGE = "truncate -s 16M disk.img\n"
WRITE = "diskio write /dev/vda 7 && diskio verify /dev/vda 7"
VERIFY = '"$LAB/boot/diskio" verify disk.img 7'


def boots(host: Host) -> list[Case]:
    """A guest finds what it was given: in one piece, and in three."""
    pieces = ("--mem 32M@0 --mem 16M@0x8000000 --mem 16M@0x1d000000")
    # Binaries for other floats than the processor's are refused unless told.
    setup = f"export APPEND={host.append}\n" if host.append else ""
    return [
        Case(f"linux-{host}", host=host, quiet=True,
             script=setup + f"guest 'facts 1 64 GFPIC; {PAGE_SIZE}' --mem 64M",
             out=("facts: good", f"pages of {int(host.page[:-1]) << 10}\n",
                  "run: exit 0")),
        Case(f"linux-{host}-sparse", host=host, quiet=True,
             script=setup + "guest 'facts 1 64 GFPIC; grep RAM /proc/iomem' " + pieces,
             out=("facts: good", "00000000-01ffffff", "08000000-08ffffff",
                  "1d000000-1dffffff", "run: exit 0")),
    ]


def disks() -> list[Case]:
    """Disks, and a root on one."""
    files = ((artifacts.root_disk(artifacts.MIPS, "ext2"),
              "/lab/disk/root.ext2"),)
    return [
        Case("mips-disk-keeps-what-is-written", host=HOST,
             script=f"{IMAGE}guest '{WRITE}' --mem 64M --disk disk.img && "
                    + VERIFY,
             out=("diskio: write: good", "diskio: verify: good\nrun: exit 0",
                  "reboot: Power down\ndiskio: verify: good")),
        Case("mips-disk-ro-refuses-writes", host=HOST,
             script=f"{IMAGE}guest 'echo ro $(cat /sys/block/vda/ro); "
                    "dd if=/dev/zero of=/dev/vda bs=4k count=1 conv=fsync; "
                    "echo dd $?' --mem 64M --disk disk.img,ro",
             out=("ro 1", "dd 1")),
        Case("mips-root-on-a-disk", host=HOST, files=files,
             script="cp /lab/disk/root.ext2 disk.img\n"
                    "on_pty expect 'init: from the disk' expect '# ' "
                    r"send 'echo answer-$((6*7)) >/answer; cat /answer\n' "
                    r"expect answer-42 send 'sync; poweroff -f\n' "
                    'status 0 same -- vmm run --kernel "$IMAGE" --mem 64M '
                    '--disk disk.img --cmdline "console=ttyS0 quiet '
                    'root=/dev/vda rw"', out=("answer-42",)),
    ]


def plain() -> list[Case]:
    """What guests do on every architecture, and two that differ."""
    return life.everywhere("mips-", HOST, "64M") + [
        Case("mips-timeout-of-a-stuck-guest-is-124", host=HOST, status=124,
             quiet=True,
             script="guest 'while :; do :; done' --mem 64M --timeout 2s"),
        # Linux 5.10.262's driver soon waits for ever (docs/DEVICES.md); its
        # first requests come through.
        Case("mips-entropy", host=HOST,
             script="guest 'cat /sys/class/misc/hw_random/rng_current; "
                    "grep -c [1-9].*virtio0 /proc/interrupts' --mem 64M --rng",
             out=("virtio_rng.0\n1\n",)),
    ]


def control() -> list[Case]:
    """The control socket, and what it tells."""
    start = (f"{RUN} --name c --balloon --cmdline 'console=ttyS0 quiet "
             "panic=-1 run=\"i=0; while :; do i=$((i + 1)); echo n $i; "
             "usleep 20000; done\"' >said &\nwait_for grep -q 'n 3' said\n")
    return [
        Case("mips-control", host=HOST,
             script=start
             + "vmm list; vmm stat c; vmm mem c; vmm mem c --map >map; "
             "[ -s map ] || fail map\n"
             "vmm pause c; sleep 1; size=$(stat -c %s said); sleep 2\n"
             '[ "$size" = "$(stat -c %s said)" ] || fail "it spoke"\n'
             "vmm resume c; longer() { [ $(stat -c %s said) -gt $size ]; }\n"
             "wait_for longer\n"
             "vmm balloon c 48M; kept() { vmm balloon c --json | "
             "grep -q '\"actual\": 50331648'; }; wait_for kept\n"
             "vmm stop --force c && wait $! && echo over",
             out=("over", "running")),
        Case("mips-pause-is-exact", host=HOST,
             script='vmm run --kernel "$IMAGE" --initrd "$INITRD" --name e '
             "--mem 32M,backing=file:ram --cmdline 'console=ttyS0 quiet "
             'run="while :; do head -c 100000 /dev/urandom | md5sum; done"\' '
             ">said &\nwait_for grep -q -- - said\n"
             "changed() { ! cmp -s ram was; }\n"
             "for i in 1 2 3 4; do\nvmm pause e || fail pause\n"
             'cp ram was; usleep 200000; cmp ram was || fail "it runs"\n'
             "vmm resume e || fail resume\nwait_for changed\ndone\n"
             "vmm stop --force e && wait $! && echo exact", out=("exact",)),
    ]


def pieces(count: int) -> str:
    """Memory in so many pieces."""
    return "--mem 32M@0 " + " ".join(
        f"--mem 1M@{at * 0x1000000:#x}" for at in range(3, count + 2))


def limits() -> list[Case]:
    """What KVM allows, and what the machine can be."""
    return [
        Case("mips-cpus-beyond-the-machine", host=HOST, status=2,
             sentence=True, script="guest true --mem 64M --cpus 9",
             err=("Fatal: --cpus 9: ",)),
        Case("mips-cpus-are-reported", host=HOST, script="vmm doctor",
             out=("max vCPUs                  16, best up to 1",)),
        Case("mips-memory-beyond-the-window", host=HOST, status=2,
             sentence=True, script="guest true --mem 64M@0x1f000000",
             err=("Fatal: --mem 64M@0x1f000000: ",)),
        Case("mips-memory-in-as-many-slots-as-kvm-has", host=HOST,
             script="guest 'facts 1 47 GFPIC; grep -c RAM /proc/iomem' "
                    + pieces(16), out=("facts: good\n16\n",)),
        Case("mips-memory-in-more-slots-than-kvm-has", host=HOST,
             sentence=True, status=1, script="guest true " + pieces(17),
             err=("Fatal: ", "16")),
    ]


# Each line is the guest's clock, to which the host adds its own.
CLOCK = f"""
two='cat /proc/uptime; sleep 60; cat /proc/uptime'
{RUN} --cmdline "console=ttyS0 quiet panic=-1 run='$two'" |
while read -r guest rest; do
    read -r host rest </proc/uptime
    case $guest in [0-9]*.[0-9]*) echo "$guest $host" ;; esac
done >pairs
awk 'NR == 1 {{ guest = $1; host = $2 }}
END {{ guest = $1 - guest; host = $2 - host; print guest, host
if (host > 55 && guest > host * 0.99 && guest < host * 1.01) print "in step" }}
' pairs
"""


def clock() -> list[Case]:
    """A minute is a minute, within a hundredth."""
    return [Case("mips-clock-keeps-time", host=HOST, script=CLOCK, limit=150,
                 out=("in step",))]


# Sums of memory and, where there is one, of a disk with the same in it, until a
# line comes, and once more. Whoever finds another sum says so.
REBUILD = """mkfifo in; truncate -s 8M disk.img
guest 'head -c 102400 /dev/urandom >/tmp/f; m=$(md5sum </tmp/f); d=DISK;
[ -z $d ] || [ -b $d ] || echo wrong: no disk;
[ -z $d ] || dd if=/tmp/f of=$d bs=4k conv=fsync;
disk() { dd if=$d bs=4k count=25 iflag=direct 2>/dev/null | md5sum; };
look() { case $(md5sum </tmp/f) in $m) ;; *) echo wrong memory ;; esac;
[ -z $d ] || case $(disk) in $m) ;; *) echo wrong disk ;; esac;
i=$((i + 1)); usleep 2000; };
work() { until [ -e /tmp/end ]; do look; done; look; echo $i sums held; };
work & echo loaded; read -r _; touch /tmp/end; wait' \\
    --mem 64M WORDS --control ./box <in >said & vmm=$!
exec 3>in
wait_for grep -q loaded said
"$LAB/boot/rebuilds" ./box 20 1 150 || fail rebuild
echo >&3
wait $vmm || fail "vmm ended with status $?"
cat said
"""
for end in (";", "||"):
    REBUILD = REBUILD.replace(f"{end}\n", f"{end} ")


def rebuilds() -> list[Case]:
    """A VM made anew twenty times under a guest at work."""
    return [Case(f"mips-rebuild-{host.page}", host=host,
                 script=REBUILD.replace("DISK", disk).replace("WORDS", words),
                 out=("rebuilt", "sums held", "run: exit 0"),
                 out_lacks=("wrong",))
            for host, disk, words in (
                (HOST, "/dev/vda", "--disk disk.img"), (HOST_16K, "", ""))]


def cases() -> list[Case]:
    """All of them."""
    found = [case for host in HOSTS for case in boots(host)]
    return (found + disks() + plain() + control() + limits() + clock()
            + rebuilds())
