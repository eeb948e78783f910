"""Words of the command line that mean nothing, or something impossible."""

from __future__ import annotations

from boot import artifacts
from vmmtools.check.cases import Case, Host

HOST = Host("neoverse-n1")
FLAT = "/lab/bad/flat.bin"
FILES = ((artifacts.flat(), FLAT),)
PLACE = ("not a size: a number and B, K, M, G, T or P (or KiB, MB, ...), as in "
         "2G or 1.5G or 1G@0x80000000; a bare number is in MiB")
BELOW = "devices are there, memory begins at 0x80000000"
PAGES = "this host's pages of 4 KiB"
CHIPS = "not one of gicv2, gicv3, gicv3-its, auto"


def refused(name: str, words: str, sentence: str, *, status: int = 2,
            setup: str = "", host: Host = HOST) -> Case:
    """`vmm WORDS` is refused with one sentence."""
    return Case(f"refused-{name}", host=host, files=FILES, status=status,
                sentence=True, err=(f"Fatal: {sentence}\n",),
                script=f"{setup}\nvmm {words}".strip())


def mem(name: str, word: str, sentence: str) -> Case:
    """One --mem."""
    return refused(f"mem-{name}", f"run --kernel {FLAT} --mem {word or repr('')}",
                   f"--mem {word or repr('')}: {sentence}")


def option(name: str, words: str, sentence: str) -> Case:
    """Any other option."""
    return refused(name, f"run --kernel {FLAT} --mem 64M {words}", sentence)


def memory() -> list[Case]:
    """Sizes and places of memory."""
    return [
        mem("zero", "0", "a guest needs memory"),
        mem("zero-with-unit", "0G", "a guest needs memory"),
        mem("empty", "", PLACE),
        mem("no-number", "much", PLACE),
        mem("negative", "-5", PLACE),
        mem("unknown-unit", "1X", PLACE),
        mem("no-address", "64M@", PLACE),
        mem("fraction-of-a-byte", "0.1G", PLACE),
        mem("beyond-64-bits", "99999999999999999999",
            "more than 64 bits can address"),
        mem("wraps", "64M@0xfffffffffffff000", "more than 64 bits can address"),
        mem("unaligned-start", "64M@0x80000800",
            f"does not begin on one of {PAGES}"),
        mem("unaligned-size", "1000B", f"not a multiple of {PAGES}"),
        mem("in-the-serial-port", "64M@0x1000000", BELOW),
        mem("in-the-gic", "64M@0x3ff00000", BELOW),
        mem("from-0", "64M@0", BELOW),
        mem("below-ram-by-a-page", "64M@0x7ffff000", BELOW),
        mem("beyond-the-ipa", "64M@0x1000000000000",
            "needs 49 address bits, this host's KVM has 48"),
        mem("across-the-ipa", "64M@0xfffffffff000",
            "needs 49 address bits, this host's KVM has 48"),
        mem("more-than-the-ipa", "256T",
            "needs 49 address bits, this host's KVM has 48"),
        refused("mem-overlaps", f"run --kernel {FLAT} --mem 64M@0x80000000 "
                "--mem 64M@0x83fff000",
                "--mem 64M@0x83fff000: overlaps --mem 64M@0x80000000"),
        refused("mem-same-twice", f"run --kernel {FLAT} --mem 64M@0x80000000 "
                "--mem 64M@0x80000000",
                "--mem 64M@0x80000000: overlaps --mem 64M@0x80000000"),
        refused("mem-33-pieces", f"run --kernel {FLAT} $(for i in $(seq 33); "
                "do echo --mem 1M; done)",
                "--mem 1M: at most 32 --mem options"),
        Case("refused-mem-beyond-the-hosts", host=HOST, files=FILES, status=1,
             sentence=True, script=f"ulimit -v 100000; vmm run --kernel {FLAT} "
             "--mem 1G", err=("1024 MiB of guest memory: Cannot allocate "
                              "memory\n",)),
    ]


def cases() -> list[Case]:
    """All of them."""
    return memory() + [
        option("cpus-zero", "--cpus 0", "--cpus 0: at least 1"),
        option("cpus-65", "--cpus 65", "--cpus 65: at most 64"),
        option("cpus-many", "--cpus 99999999999999999999",
               "--cpus 99999999999999999999: at most 64"),
        option("cpus-negative", "--cpus=-1", "--cpus -1: not a number"),
        option("cpus-words", "--cpus two", "--cpus two: not a number"),
        option("cpus-9-of-gicv2", "--cpus 9 --irqchip gicv2",
               "--cpus 9: a gicv2 serves at most 8"),
        option("irqchip-unknown", "--irqchip gicv4",
               f"--irqchip gicv4: {CHIPS} (did you mean 'gicv2'?)"),
        option("irqchip-far-off", "--irqchip apic", f"--irqchip apic: {CHIPS}"),
        option("irqchip-the-host-has-not", "--irqchip gicv2",
               "--irqchip gicv2: this host's KVM offers gicv3 and gicv3-its"),
        option("console-unknown", "--console seral",
               "--console seral: not one of serial, virtio, none (did you "
               "mean 'serial'?)"),
        option("loglevel-unknown", "--loglevel wrning",
               "--loglevel wrning: not one of error, warning, info, debug "
               "(did you mean 'warning'?)"),
        option("timeout-unknown-unit", "--timeout 5y",
               "--timeout 5y: not a duration, as in 10s or 500ms"),
        option("network-of-a-kind", "--network mode=usr",
               "--network mode=usr: mode: unknown value 'usr' (did you mean "
               "'user'?)"),
        option("net-of-a-kind", "--net tip",
               "--net tip: unknown backend 'tip' (did you mean 'tap'?)"),
        option("option-unknown", "--kernal x",
               "unknown option '--kernal' (did you mean '--kernel'?)"),
        option("option-far-off", "--frobnicate",
               "unknown option '--frobnicate'"),
        option("option-without-value", "--cmdline", "--cmdline needs a value"),
        option("value-where-none-belongs", "--pmu=yes",
               "--pmu takes no value"),
        option("two-kernels", "other",
               f"'other': the kernel is already '{FLAT}'"),
        option("kernel-and-firmware", f"--firmware {FLAT}",
               f"--firmware {FLAT}: there is a kernel, too ('{FLAT}'); only "
               "one of them can boot"),
        option("tree-and-command-line", "--dtb tree --cmdline quiet",
               "--cmdline: the device tree of --dtb tree brings a command line of "
               "its own"),
        refused("nothing-to-boot", "run",
                "nothing to boot: give --kernel FILE or --firmware FILE"),
        refused("command-unknown", "rnu",
                "unknown command 'rnu' (did you mean 'run'?)"),
        refused("option-before-command", "--kernel x",
                "unknown option '--kernel' (options follow a command, as in "
                "'vmm run --help')"),
        Case("help-is-no-error", host=HOST, quiet=True, script="vmm --help",
             out=("The most commonly used vmm commands are:",)),
    ]
