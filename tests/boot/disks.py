"""Disks: a root on one, and whether they keep what guests write."""

from __future__ import annotations

from boot import artifacts
from vmmtools.check.cases import Case, File, Host

HOST = Host("neoverse-n1", smp=2)
HOST_16K = Host("max", 3, "16k", smp=2)
HOST_64K = Host("cortex-a57", 3, "64k")
"""Its kernel has neither io_uring nor file locks."""
DEBIAN = Host("max", mem="2G", guest="debian")

IMAGE = "truncate -s 32M disk.img\n"
WRITE = "diskio write /dev/vda 7 && diskio verify /dev/vda 7"
VERIFY = '\n"$LAB/boot/diskio" verify disk.img 7'
GOOD = ("diskio: write: good", "diskio: verify: good\nrun: exit 0",
        "reboot: Power down\ndiskio: verify: good")


def verify(name: str, host: Host, disk: str, **more: int) -> Case:
    """The guest writes and reads back; the image holds it afterwards."""
    return Case(f"disk-keeps-what-is-written-{name}", host=host, **more,
                script=f"{IMAGE}guest '{WRITE}' --mem 256M --disk {disk} && "
                       + VERIFY.lstrip(), out=GOOD[:2] + GOOD[2:])


def roots(files: tuple[File, ...]) -> list[Case]:
    """Guests whose root is a disk."""
    on_pty = ("on_pty expect 'init: from the disk' expect '# ' "
              r"send 'echo answer-$((6*7)) >/answer; cat /answer\n' "
              r"expect answer-42 send 'sync; poweroff -f\n' "
              "status 0 same --")
    disk = "cp /lab/disk/root.ext4 root.ext4\n"
    line = "console=ttyS0 quiet panic=-1 root=/dev/vda rw"
    again = ('\nvmm run --kernel "$IMAGE" --mem 256M --disk root.ext4 '
             '--cmdline "console=ttyS0 quiet panic=-1 root=/dev/vda ro '
             'init=/bin/cat -- /answer" --no-reboot')
    return [
        Case("root-on-a-disk", host=HOST, files=files,
             script=f'{disk}{on_pty} vmm run --kernel "$IMAGE" --mem 256M '
                    f'--disk root.ext4 --cmdline "{line}"',
             out=("init: from the disk", "answer-42")),
        Case("root-on-a-disk-by-the-initramfs", host=HOST, files=files,
             script=f'{disk}{on_pty} vmm run --kernel "$IMAGE" --mem 256M '
                    f'--initrd "$INITRD" --disk root.ext4 --cmdline "{line}"',
             out=("init: from the disk", "answer-42")),
        Case("root-on-a-disk-is-kept", host=HOST, files=files, status=4,
             # The second guest's init ends at once: a panic, told by pvpanic.
             script=f'{disk}{on_pty} vmm run --kernel "$IMAGE" --mem 256M '
                    f'--disk root.ext4 --cmdline "{line}" >/dev/null && '
                    + again.lstrip(), out=("answer-42",)),
    ]


# A guest that tells each size of its disk, of the number of MiB, and writes to
# its last MiB. The waits are in the guest: it sees a size by itself or never.
SIZES = ("size() { until [ $(blockdev --getsize64 /dev/vda) = $(($1 << 20)) ]; "
         "do usleep 10000; done; echo size $1; }; ")
LAST = ("yes | dd of=/dev/vda bs=1M seek=63 count=1 iflag=fullblock "
        "conv=fsync 2>/dev/null; ")
GROW = """start() {
    guest "$1" --mem 256M --disk "$2" --control ./box >out &
    pid=$!
}
end() {
    wait_for [ ! -d /proc/$pid ]
    cat out
    tail -c 1048576 disk.img >last
    yes | head -c 1048576 | cmp - last || fail "its last MiB was not written"
}
"""


def grows() -> list[Case]:
    """Disks that are made larger under a guest."""
    return [
        Case("disk-grows-under-a-guest", host=HOST,
             script=f"""{GROW}truncate -s 8M disk.img
start '{SIZES}size 8; size 32; size 64; {LAST}' disk.img
wait_for grep -q 'size 8' out
vmm disk ./box resize 32M || fail 32M
wait_for grep -q 'size 32' out
vmm disk ./box resize disk0 16M 2>said && fail "it shrank"
cat said
vmm pause ./box && vmm disk ./box resize 64M && vmm resume ./box
vmm disk ./box
end
stat -c 'image %s' disk.img""",
             out=("cannot shrink to 16777216\n", "disk0            64M  rw    "
                  "disk.img\n", "size 8\n", "size 32\n", "size 64\n",
                  "image 67108864\n")),
        Case("disk-of-a-block-device-grows", host=HOST,
             script=f"""{GROW}truncate -s 8M disk.img
loop=$(losetup -f) && losetup $loop disk.img || fail 'no loop device'
start '{SIZES}size 8; size 64; {LAST}' $loop,direct
wait_for grep -q 'size 8' out
vmm disk ./box resize 64M 2>said && fail "a block device was extended"
cat said
truncate -s 64M disk.img && losetup -c $loop
vmm disk ./box resize --auto || fail auto
end
losetup -d $loop""",
             out=("this block device has 8388608 bytes; it has to grow first\n",
                  "size 8\n", "size 64\n")),
    ]


# Two guests write to one image, each its own, and see what they wrote.
SHARED = """truncate -s 32M disk.img; "$LAB/boot/diskio" write disk.img 3
before=$(sha256sum disk.img)
start() {
    guest "diskio verify /dev/vda 3 && diskio wipe /dev/vda 0 && \
        diskio write /dev/vda $1 && diskio verify /dev/vda $1" \
        --name $1 --mem 128M --disk disk.img,temp{words} <&- >out$1 & eval pid$1=$!
}
start 7; start 8
wait_for test -S /run/vmm/8.sock; vmm disk 8 >listed
wait $pid7 || fail 7; wait $pid8 || fail 8
[ "$before" = "$(sha256sum disk.img)" ] || fail "the image has changed"
cat out7 out8 listed
"""


def temporary() -> list[Case]:
    """Disks whose writes vanish."""
    return [
        Case("disk-temp-is-shared-by-two-that-write", host=HOST,
             script=SHARED.replace("{words}", ""),
             out=("diskio: verify: good", "temp  disk.img")),
        Case("disk-temp-directly-on-16k-pages", host=HOST_16K,
             script="export TMPDIR=$PWD\n"
                    + SHARED.replace("{words}", ",direct"),
             out=("diskio: verify: good",)),
        Case("disk-temp-outlasts-a-restart", host=HOST,
             script="truncate -s 1M disk.img\n"
                    "guest 'head -c 4 /dev/vda | grep kept && poweroff -f; "
                    "echo kept | dd of=/dev/vda conv=fsync 2>/dev/null; "
                    "reboot -f' --mem 128M --disk disk.img,temp\n"
                    "tr -d '\\0' <disk.img | wc -c",
             out=("kept", "\n0\n")),
    ]


LOCKED = """truncate -s 1M disk.img
start() {
    vmm run --kernel "$IMAGE" --initrd "$INITRD" --mem 128M --name $1 \\
        --disk $2 --cmdline "console=ttyS0 quiet panic=-1" <&- >/dev/null &
    wait_for test -S /run/vmm/$1.sock
}
refused() {
    vmm run --kernel "$IMAGE" --mem 128M --disk $1 2>said
    [ $? = 2 ] || fail "$1: taken"
    cat said
}
start writer disk.img
refused disk.img
refused disk.img,ro
vmm stop --force writer
start reader disk.img,ro
refused disk.img
guest 'wc -c </dev/vda' --mem 128M --disk disk.img,ro
vmm stop --force reader
"""


def locks() -> list[Case]:
    """One image in two machines, where the kernel has locks and where not."""
    return [
        Case("disk-is-one-writers-or-many-readers", host=HOST, quiet=True,
             script=LOCKED,
             out=("Fatal: --disk: disk.img: in use by another machine or "
                  "program\n" * 3 + "1048576",)),
        Case("disk-without-locks-is-warned-of", host=HOST_64K,
             script=f"{IMAGE}guest '{WRITE}' --mem 256M --disk disk.img && "
                    + VERIFY.lstrip(), out=GOOD,
             err=("disk.img: cannot be locked: this kernel has no file locks "
                  "(CONFIG_FILE_LOCKING)",)),
    ]


def cases() -> list[Case]:
    """All of them."""
    files = ((artifacts.root_disk(), "/lab/disk/root.ext4"),)
    return roots(files) + grows() + locks() + temporary() + [
        verify("", HOST, "disk.img"),
        verify("directly", HOST, "disk.img,direct"),
        verify("on-16k-pages", HOST_16K, "disk.img"),
        verify("on-16k-pages-directly", HOST_16K, "disk.img,direct"),
        verify("by-debian", DEBIAN, "disk.img"),
        Case("disk-keeps-what-is-written-by-4-cpus", host=HOST,
             script=f"{IMAGE}guest '{WRITE}' --mem 256M --cpus 4 --disk "
                    f"disk.img && {VERIFY.lstrip()}", out=GOOD),
        Case("disk-is-a-block-device", host=HOST,
             script=f"{IMAGE}loop=$(losetup -f) && losetup $loop disk.img || "
                    "fail 'no loop device'\n"
                    f"guest '{WRITE}' --mem 256M --disk $loop,direct\n"
                    f"status=$?\nlosetup -d $loop\nsync\n[ $status = 0 ] &&"
                    f"{VERIFY.lstrip()}", out=GOOD),
        Case("disk-ro-refuses-writes", host=HOST,
             script="seq 1 100000 >disk.img; truncate -s 4M disk.img\n"
                    "before=$(sha256sum disk.img)\n"
                    "guest 'echo ro $(cat /sys/block/vda/ro); head -c 4 "
                    "/dev/vda; dd if=/dev/zero of=/dev/vda bs=4k count=1 "
                    "conv=fsync; echo dd $?' --mem 256M --disk disk.img,ro\n"
                    "[ $? = 0 ] || fail status\n"
                    '[ "$before" = "$(sha256sum disk.img)" ] || '
                    'fail "the image has changed"',
             out=("ro 1", "1\n2\n", "dd 1")),
        Case("disk-serial", host=HOST,
             script=f"{IMAGE}guest 'cat /sys/block/vda/serial; echo' "
                    "--mem 256M --disk disk.img,serial=number-20-long-xxxxx",
             out=("number-20-long-xxxxx\n",)),
        Case("disk-discard-frees-space", host=HOST,
             script=f"{IMAGE}\"$LAB/boot/diskio\" write disk.img 1\n"
                    "echo before $(stat -c %b disk.img)\n"
                    "guest 'diskio discard /dev/vda 0 && diskio zeroes "
                    "/dev/vda 0' --mem 256M --disk disk.img && "
                    "echo after $(stat -c %b disk.img)",
             out=("diskio: discard: good", "diskio: zeroes: good",
                  "after 0\n")),
        Case("disk-writes-zeroes", host=HOST,
             script=f"{IMAGE}\"$LAB/boot/diskio\" write disk.img 1\n"
                    "guest 'diskio wipe /dev/vda 0 && diskio zeroes "
                    "/dev/vda 0' --mem 256M --disk disk.img && "
                    "\"$LAB/boot/diskio\" zeroes disk.img 0",
             out=("diskio: wipe: good", "Power down\ndiskio: zeroes: good")),
        Case("disk-queue-is-deep-and-flushed", host=HOST,
             script=f"{IMAGE}guest 'cd /sys/block/vda; cat queue/nr_requests "
                    "queue/write_cache queue/max_segments' --mem 256M "
                    "--disk disk.img", out=("256\nwrite back\n",)),
        Case("disks-in-order", host=HOST,
             script="for i in 1 2 3; do echo disk $i >d$i; "
                    "truncate -s 64K d$i; done\n"
                    "guest 'head -n 1 /dev/vda /dev/vdb /dev/vdc' --mem 256M "
                    "--disk d1 --disk d2 --disk d3,ro",
             out=("==> /dev/vda <==\ndisk 1", "==> /dev/vdb <==\ndisk 2",
                  "==> /dev/vdc <==\ndisk 3")),
    ]
