"""What the host lacks, loses, or takes away."""

from __future__ import annotations

from input.words import FILES, FLAT, HOST
from vmmtools.check.cases import Case, Host

# Here /dev/kvm is moved about, and /etc/passwd written: never natively.
EMULATED = Host("cortex-a72")

RUN = 'vmm run --kernel "$IMAGE" --initrd "$INITRD" --mem 256M'
SHELL = f'{RUN} --cmdline "console=ttyS0 quiet panic=-1"'
FLAT_RUN = f"vmm run --kernel {FLAT} --mem 64M"
FULL = ("mkdir small; mount -t tmpfs -o size=1M none small\n"
        'trap "umount small" EXIT\ntruncate -s 16M small/disk\n')


def kvm(name: str, change: str, *sentence: str) -> Case:
    """/dev/kvm is not what it should be, for a moment."""
    return Case(f"refused-kvm-{name}", host=EMULATED, files=FILES, status=1,
                sentence=True, err=sentence,
                script="mv /dev/kvm /dev/kvm.away\ntrap 'rm -f /dev/kvm; "
                       "mv /dev/kvm.away /dev/kvm' EXIT\n"
                       f"{change}\n{FLAT_RUN}")


def cases() -> list[Case]:
    """All of them."""
    return [
        kvm("missing", "", "Fatal: /dev/kvm (use a kernel with KVM, ",
            "): No such file or directory\n"),
        kvm("not-permitted", "mknod -m 600 /dev/kvm c 10 232\n"
            "exec_as() { chmod 755 . .. /lab /lab/bad; echo "
            "'other:x:1000:1000::/:/bin/sh' >>/etc/passwd; }; exec_as\n"
            f"su other -s /bin/sh -c '{FLAT_RUN}'; exit",
            "Fatal: /dev/kvm (join the group that owns it, ",
            "): Permission denied\n"),
        kvm("of-another-kind", "mknod /dev/kvm c 1 3",
            "Fatal: /dev/kvm: KVM_GET_API_VERSION: Inappropriate ioctl"),
        kvm("without-a-driver", "mknod /dev/kvm c 250 250",
            "Fatal: /dev/kvm (turn on virtualization in the firmware"),
        Case("doctor-tells-that-kvm-is-missing", host=EMULATED, status=1,
             script="mv /dev/kvm /dev/kvm.away\n"
                    "trap 'mv /dev/kvm.away /dev/kvm' EXIT\nvmm doctor",
             out=("/dev/kvm",)),
        Case("doctor-finds-this-host-fit", host=HOST, script="vmm doctor",
             out=("KVM",), quiet=True),
        Case("refused-too-few-files", host=HOST, files=FILES, status=1,
             sentence=True, err=("Too many open files",),
             script=f"sh -c 'ulimit -n 6; exec {FLAT_RUN}'"),
        Case("disk-full-is-the-guests-error", host=HOST,
             # The disk fills up; guest and VMM go on.
             script=f"{FULL}guest 'dd if=/dev/zero of=/dev/vda bs=64k "
                    "count=64 conv=fsync; echo dd $?; head -c 4096 /dev/vda | "
                    "wc -c' --mem 256M --disk small/disk",
             out=("dd 1\n", "4096\nrun: exit 0")),
        Case("disk-file-limit-is-the-guests-error", host=HOST,
             script="truncate -s 16M disk; ulimit -f 2048\n"
                    "guest 'dd if=/dev/zero of=/dev/vda bs=64k count=64 "
                    "conv=fsync; echo dd $?' --mem 256M --disk disk",
             out=("dd 1\n", "run: exit 0")),
        Case("disk-cut-off-is-the-guests-error", host=HOST,
             # While it runs, another shortens the image.
             script="truncate -s 16M disk\non_pty expect '# ' run ': >disk' "
                    "send 'dd if=/dev/vda of=/dev/null bs=64k count=1 "
                    "skip=100; echo status-$?\\n' expect status-1 "
                    "send 'poweroff -f\\n' status 0 same -- "
                    f"{SHELL} --disk disk", out=("status-1",)),
        Case("lost-terminal-ends-the-vmm", host=HOST,
             script=f"on_pty expect '# ' hangup status 129 -- {SHELL}"),
        Case("lost-terminal-while-it-writes-ends-the-vmm", host=HOST,
             script="on_pty expect 100 hangup status 129 -- "
                    f'{RUN} --cmdline "console=ttyS0 quiet panic=-1 '
                    "run='seq 1 100000'\""),
        Case("killed-vmm-leaves-nothing", host=HOST,
             # But its control socket, which the next of that name replaces.
             script=f"on_pty expect '# ' kill 9 status 137 -- {SHELL} "
                    f"--name k && {FLAT_RUN} --name k", files=FILES,
             out=("flat ",)),
        Case("terminal-untouched-by-a-refusal", host=HOST,
             script="on_pty expect 'Unable to open' status 2 same -- "
                    "vmm run --kernel missing"),
        Case("stuck-output-does-not-stop-the-end", host=HOST,
             # Nobody reads the pipe; the guest fills it, then it is ended.
             script="mkfifo pipe; sleep 1000 <pipe & reader=$!\n"
                    f"{RUN} --cmdline \"console=ttyS0 quiet panic=-1 "
                    "run='seq 1 100000'\" --timeout 10s >pipe\n"
                    "status=$?; kill $reader; exit $status", status=124),
    ]
