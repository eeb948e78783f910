"""What a guest is given beyond the plain machine, and what it costs."""

from __future__ import annotations

from boot import artifacts
from vmmtools.check.cases import Case, Host

HOST = Host("neoverse-n1", smp=2)
DEBIAN = Host("max", mem="2G", guest="debian")
FLAT = "/lab/kernels/flat.bin"


def costs(files: tuple[tuple, ...]) -> list[Case]:
    """Memory that nobody touches."""
    return [
        Case("memory-of-64g-costs-nothing", host=Host("neoverse-n1"),
             files=files,
             # Faults and memory of vmm, the same but for 64 GiB of guest.
             script="for size in 256M 64G; do\n"
                    f"/bin/time -v vmm run --kernel {FLAT} --mem $size "
                    ">out 2>cost || cat cost\n"
                    "grep -q dtb out || fail 'it does not run'\n"
                    "awk '/Maximum resident/ { rss = $NF } "
                    "/Minor/ { faults = $NF } END { print rss, faults }' "
                    "cost >cost-$size\n"
                    "echo $size: $(cat cost-$size)\ndone\n"
                    "read -r rss faults <cost-256M\n"
                    "read -r rss2 faults2 <cost-64G\n"
                    "[ $rss2 -le $((rss + 64)) ] || fail rss $rss2\n"
                    "[ $faults2 -le $((faults + 16)) ] || "
                    "fail faults $faults2\necho costs the same",
             out=("costs the same",)),
        Case("memory-of-64g-has-no-page-tables", host=Host("neoverse-n1"),
             script="on_pty expect '# ' run 'grep -E \"VmPTE|VmRSS\" "
                    "/proc/$PID/status; awk \"/VmPTE/ { exit \\$2 > 512 }\" "
                    "/proc/$PID/status' kill 15 status 143 -- "
                    'vmm run --kernel "$IMAGE" --initrd "$INITRD" '
                    # The guest is told of 64 GiB, and uses 256 MiB of them.
                    '--mem 64G --cmdline "console=ttyS0 quiet mem=256M"'),
        Case("memory-is-mapped-in-blocks", host=Host("neoverse-n1"),
             script="ls /sys/kernel/debug/kvm >/dev/null || skip no debugfs\n"
                    "on_pty expect '# ' run 'cat /sys/kernel/debug/kvm/$PID-*/"
                    "stage2_page_tables >table' kill 15 status 143 -- "
                    'vmm run --kernel "$IMAGE" --initrd "$INITRD" --mem 256M '
                    '--cmdline "console=ttyS0 quiet" || '
                    "skip no dump of stage 2 on this host\n"
                    "cat table\n"
                    # Columns: addresses, size, level, rights, BLK.
                    "awk '/BLK/ && $2 ~ /M$/ { sum += $2 } "
                    "END { print \"blocks cover\", sum + 0, \"MiB\"; "
                    "exit sum < 8 }' table || fail few blocks",
             out=(" BLK", "blocks cover")),
    ]


def limits() -> list[Case]:
    """Address bits that a host has not."""
    def beyond(cpu: str, bits: int, at: int) -> Case:
        return Case(f"ipa-of-{bits}-bits-is-the-end", host=Host(cpu),
                    status=2, sentence=True,
                    script=f"guest true --mem 64M --mem 64M@{at:#x}",
                    err=(f"Fatal: --mem 64M@{at:#x}: needs {bits + 1} address "
                         f"bits, this host's KVM has {bits}",))

    def within(cpu: str, bits: int, irqchip: str) -> Case:
        last = (1 << bits) - (64 << 20)
        return Case(f"ipa-of-{bits}-bits-is-used", host=Host(cpu),
                    script=f"guest 'facts 1 128 GICv3' --mem 128M --mem "
                           f"64M@{last:#x} --irqchip {irqchip}",
                    # Linux itself reaches no further than 48 bits.
                    out=("run: exit 0",) if bits > 48 else ())

    return [beyond("cortex-a53", 40, 1 << 40), beyond("cortex-a72", 44, 1 << 44),
            beyond("neoverse-n1", 48, 1 << 48), beyond("max", 52, 1 << 52),
            within("max", 52, "gicv3")]


def cases() -> list[Case]:
    """All of them."""
    files = ((artifacts.flat(), FLAT),)
    return costs(files) + limits() + [
        Case("rng-gives-random-numbers", host=HOST, quiet=True,
             script="guest 'cat /sys/class/misc/hw_random/rng_current; "
                    "head -c 4096 /dev/hwrng | gzip | wc -c' --mem 256M --rng",
             out=("virtio_rng.0", "\n41")),
        Case("no-rng-unasked", host=HOST,
             script="guest 'cat /sys/class/misc/hw_random/rng_current' "
                    "--mem 256M", out=("run: exit 0",), out_lacks=("virtio_rng",)),
        Case("sve-and-pauth-but-no-pmu-unasked", host=DEBIAN, quiet=True,
             script="guest 'dmesg | grep perfevents; grep -m 1 Features "
                    "/proc/cpuinfo' --mem 512M --cpus 2",
             out=(" paca", " pacg", " sve", "run: exit 0"),
             out_lacks=("hw perfevents: enabled",)),
        Case("no-sve-where-the-host-has-none", host=HOST, quiet=True,
             script="guest 'grep -m 1 Features /proc/cpuinfo' --mem 256M",
             out=("Features", "run: exit 0"), out_lacks=(" sve", " paca")),
        Case("pmu-if-asked-for", host=DEBIAN, quiet=True,
             script="guest 'dmesg | grep hw.perfevents' --mem 512M --pmu",
             out=("hw perfevents: enabled with armv8_pmu", "run: exit 0")),
        Case("steal-time-is-told", host=HOST, quiet=True,
             # One host CPU for two busy guest CPUs: each waits for the other.
             script="taskset 1 true || skip no taskset\n"
                    "guest1() { guest \"$@\"; }\n"
                    "cmdline='console=ttyS0 quiet panic=-1 run=\"dmesg | grep "
                    "stolen; for i in 1 2; do (i=0; while [ $i -lt 30000 ]; do "
                    "i=$((i + 1)); done) & done; wait; head -n 1 /proc/stat; "
                    "[ $(awk /^cpu.*/{print\\$9;exit} /proc/stat) -gt 0 ] && "
                    "echo stolen time grows\"'\n"
                    'taskset 1 vmm run --kernel "$IMAGE" --initrd "$INITRD" '
                    '--mem 256M --cpus 2 --cmdline "$cmdline"',
             out=("using stolen time PV", "stolen time grows")),
        Case("cpus-64", host=HOST, files=files, quiet=True,
             script=f"vmm run --kernel {FLAT} --mem 64M --cpus 64",
             out=("flat 0000000080080000 dtb",)),
        Case("cpus-8-of-linux", host=HOST, quiet=True,
             script="guest 'facts 8 256 GICv3' --mem 256M --cpus 8",
             out=("facts: good", "run: exit 0")),
        Case("kvmtool-spelling", host=HOST, quiet=True,
             script='vmm run -k "$IMAGE" -i "$INITRD" -p "console=ttyS0 quiet '
                    "panic=-1 run='facts 2 256 GICv3'\" -m 256 -c 2 "
                    "--nodefaults --network mode=none --loglevel=warning "
                    "--console serial",
             out=("facts: good", "run: exit 0")),
        Case("kvmtool-spelling-long", host=HOST,
             script='truncate -s 1M d; vmm run --kernel "$IMAGE" --initrd '
                    '"$INITRD" --params "console=ttyS0 quiet panic=-1 '
                    "run='facts 2 256 GICv3; ls /dev/vda'\" --mem 256 "
                    "--cpus 2 -d d --irqchip=gicv3-its --pmu --console serial",
             out=("facts: good", "/dev/vda", "run: exit 0")),
        Case("dumped-tree-can-be-given-back", host=HOST, quiet=True,
             # The command line is in the tree.
             script="guest 'facts 2 256 GICv3' --mem 256M --cpus 2 "
                    "--dump-dtb tree && stat -c %a tree && mkdir a && "
                    "cp tree a && cd a &&"
                    'vmm run --kernel "$IMAGE" --initrd "$INITRD" --mem 256M '
                    "--cpus 2 --dtb tree --dump-dtb again && cmp tree again",
             out=("facts: good", "Power down\n600\nfacts: 2 CPUs",
                  "run: exit 0")),
        Case("clock-is-the-hosts", host=Host(),
             # The MC146818: Linux on arm64 has no driver for it, firmware
             # has. Registers 4, 7, 8 and 9: hour, day, month and year, in BCD.
             script="date -s '2024-05-06 17:00:00' >/dev/null\n"
                    "guest 'for reg in 4 7 8 9; do devmem 0x1010000 8 $reg; "
                    "devmem 0x1010001 8; done' --mem 256M",
             out=("0x17\n0x06\n0x05\n0x24\n",)),
        Case("clock-is-set-when-linux-starts", host=HOST, quiet=True,
             script="before=$(date +%s)\n"
                    "guest 'cat /sys/class/rtc/rtc0/name "
                    "/sys/class/rtc/rtc0/hctosys; echo now $(date +%s)' "
                    "--mem 256M >said; after=$(date +%s); cat said\n"
                    "awk -v before=$before -v after=$after '/^now/ "
                    "{ exit $2 < before - 1 || $2 > after + 1 }' said || "
                    "fail not between $before and $after",
             out=("rtc-pl031", "\n1\n", "now ")),
    ]
