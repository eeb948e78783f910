"""Storage of the host's that stops answering."""

from __future__ import annotations

from vmmtools.check.cases import Case, Host

HOST = Host(smp=2)
# The guest reads on until it waits; then its process is in uninterruptible
# sleep.
BEGIN = """
mkdir slow; "$LAB/boot/hangfs" slow || skip "no FUSE"
server=$(pidof hangfs)
# Where its server is gone, all that waits for a file system fails.
trap 'kill -KILL $server; umount -l slow; echo 0 2>/dev/null >'$SYSCTL EXIT
mkfifo keys; exec 3<>keys
vmm run --kernel "$IMAGE" --initrd "$INITRD" --mem 256M --name w \\
    --disk slow/disk --cmdline "console=ttyS0 quiet panic=-1" \\
    <keys >said 2>err &
run=$!
wait_for grep -q 'This is the guest' said
echo 'dd if=/dev/vda of=/dev/null bs=4k count=9 && echo it rea""ds' >&3
wait_for grep -q 'it reads' said
kill -USR1 $server
"""
READ = """
echo 'cat /dev/vda >/dev/null & p=$!
until grep -q "State:.D" /proc/$p/status; do :; done; echo it wai""ts' >&3
wait_for grep -q 'it waits' said
"""
END = """
wait $run; echo "status $?"; cat err
"""
SYSCTL = "/proc/sys/kernel/io_uring_disabled"
THREADS = f"echo 2 >{SYSCTL} || skip no sysctl\n"
TERM = "kill -TERM $run"
DISK = "the host does not finish pending requests"
# The client waits with the dump.
DUMP = """
vmm dump w slow/core & client=$!
in_dump() { cat /proc/$run/task/*/wchan | tr -d '\\0' \
    | grep -q 'request_wait_answer\|fuse'; }
wait_for in_dump
"""


def ends(name: str, how: str, status: int, told: str = DISK,
         before: str = "") -> Case:
    """A guest that ends, though what it or a client asks for does not."""
    return Case(f"storage-that-hangs-{name}", host=HOST,
                script=f"SYSCTL={SYSCTL}\n{before}{BEGIN}{how}{END}",
                out=(f"status {status}\n", told))


def cases() -> list[Case]:
    """Each way to end a guest whose storage does not answer."""
    return [
        ends("lets-a-signal-end-the-guest", READ + TERM, 143),
        ends("lets-a-client-end-the-guest", READ + "vmm stop --force w", 0),
        ends("lets-a-signal-end-it-without-io-uring", READ + TERM, 143,
             before=THREADS),
        # The loop waits for the disk, until a signal ends that.
        ends("lets-a-client-end-a-guest-in-a-pause",
             READ + "vmm pause w & "
             "wait_for grep -q 'sys_poll\\|do_poll\\|poll_sched' "
             "/proc/$run/wchan\nvmm stop --force w", 143),
        ends("lets-a-signal-end-the-guest-in-a-dump",
             f"{DUMP}{TERM}; wait $client; echo client $?", 143,
             "the dump is left to the end of the process"),
    ]
