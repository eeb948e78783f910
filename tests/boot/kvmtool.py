"""Words of kvmtool's that change the guest."""

from __future__ import annotations

from boot import artifacts
from vmmtools.check.cases import Case, Host

HOST = Host("neoverse-n1", smp=2)
FLAT = "/lab/kernels/flat.bin"


def cases() -> list[Case]:
    """All of them."""
    files = ((artifacts.flat(), FLAT),)
    return [
        Case("firmware-address", host=HOST, files=files, quiet=True,
             script=f"vmm run -f {FLAT} --firmware-address 0x80234000 "
                    "--mem 64M",
             out=("flat 0000000080234000 dtb",)),
        Case("firmware-address-outside-memory", host=HOST, files=files,
             status=2, sentence=True,
             script=f"vmm run -f {FLAT} --firmware-address 0x40000000 "
                    "--mem 64M",
             err=(f"Fatal: kernel {FLAT}: is for 0x40000000 to ",)),
        Case("kaslr-seed", host=HOST, files=files, quiet=True,
             script=f"vmm run {FLAT} --mem 64M --dump-dtb tree --kaslr-seed "
                    "0x6b61736c722d3031\n"
                    "grep -q 'kaslr-01' tree || fail 'it is another'\n"
                    "echo it is this one",
             out=("it is this one",)),
        Case("no-pvtime", host=HOST, quiet=True,
             script="guest 'dmesg | grep stolen || echo none is told' "
                    "--no-pvtime",
             out=("none is told",)),
        Case("vcpu-affinity", host=HOST,
             script="on_pty expect '# ' run 'sed -n s/Cpus_allowed_list.//p "
                    "/proc/$PID/task/*/status | sort | uniq -c' kill 15 "
                    "status 143 -- "
                    'vmm run --kernel "$IMAGE" --initrd "$INITRD" --mem 128M '
                    '--cpus 2 --vcpu-affinity 1 --cmdline "console=ttyS0 '
                    'quiet"',
             out=("      2 \t1", "0-1")),
        Case("vcpu-affinity-the-host-has-not", host=HOST, files=files,
             status=2, sentence=True,
             script=f"vmm run {FLAT} --mem 64M --vcpu-affinity 700",
             err=("Fatal: --vcpu-affinity 700: this process has none of "
                  "these processors\n",)),
        Case("hugetlbfs", host=HOST, quiet=True,
             script="echo 32 >/proc/sys/vm/nr_hugepages; mkdir huge\n"
                    "mount -t hugetlbfs none huge || skip no hugetlbfs\n"
                    "trap 'umount huge; echo 0 >/proc/sys/vm/nr_hugepages' "
                    "EXIT\n"
                    f"vmm run {FLAT} --mem 64M --hugetlbfs huge\n"
                    f"vmm run {FLAT} --mem 128M --hugetlbfs huge 2>err && "
                    "fail 'it has more than there is'\n"
                    "cat err",
             files=files, out=("flat 0000000080080000 dtb", "32 are free")),
    ]
