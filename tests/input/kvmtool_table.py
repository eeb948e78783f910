"""docs/KVMTOOL.md says what becomes of kvmtool's words; each is tried."""

from __future__ import annotations

import re

from input.words import FILES, FLAT
from vmmtools.base import SOURCE_ROOT, Failure
from vmmtools.check.cases import Case, Host

# With scalable vectors, and two processors.
HOST = Host("max", smp=2)
# What is tried for each row of the table that begins with this word: words that
# are taken, and words that are refused.
TRIED: dict[str, tuple[list[str], list[str]]] = {
    "-k": (["-k $F", "--kernel $F", "$F"], []),
    "-i": (["$F -i $F", "$F --initrd $F"], []),
    "-p": (["$F -p a=b", "$F --params a=b"], []),
    "-f": (["-f $F", "--firmware $F", "$F -F vars", "$F --flash vars"], []),
    "--firmware-address": (["-f $F --firmware-address 0x80200000"], []),
    "-m": (["$F -m 64", "$F --mem 64M", "$F --mem 64@2048 --mem 64@4096"], []),
    "-c": (["$F -c 2", "$F --cpus 2"], []),
    "-d": (["$F -d disk", "$F --disk disk,ro"], ["$F --disk folder"]),
    "--console": (["$F --console serial", "$F --console virtio"],
                  ["$F --console hv"]),
    "--rng": (["$F --rng", "$F --rng --no-rng", "$F --balloon", "$F --pmu"],
              []),
    # Of a GICv2 there are other hosts, and tests of it.
    "--irqchip": (["$F --irqchip gicv3", "$F --irqchip gicv3-its"],
                  ["$F --irqchip gicv2m"]),
    "--hugetlbfs": (["$F --hugetlbfs huge"], []),
    "--vcpu-affinity": (["$F --vcpu-affinity 0-1"], []),
    "--no-pvtime": (["$F --no-pvtime"], []),
    "--disable-mte": (["$F --disable-mte"], []),
    "--sve-max-vl": (["$F --sve-max-vl 256"], []),
    "--kaslr-seed": (["$F --kaslr-seed 7"], []),
    "--dump-dtb": (["$F --dump-dtb tree"], []),
    "--name": (["$F --name n"], []),
    "--loglevel": (["$F --loglevel warning", "$F --debug"], []),
    "-n": (["$F -n mode=none", "$F --network mode=none"],
           [f"$F -n mode=user,{word}=x" for word in (
               "script", "downscript", "host_ip", "guest_ip", "host_mac",
               "fd", "vhost", "mq")]),
    "--virtio-transport": (["$F --virtio-transport mmio"],
                           [f"$F --virtio-transport {word}" for word in (
                               "pci", "pci-legacy", "mmio-legacy")]),
    "--dev": (["$F --dev /dev/kvm"], ["$F --dev /dev/null"]),
    "--nodefaults": (["$F --nodefaults --nocompat --no-dhcp"], []),
}
BEGIN = f"""
F={FLAT}
truncate -s 1M vars; truncate -s 1M disk; mkdir folder huge
echo 64 >/proc/sys/vm/nr_hugepages
mount -t hugetlbfs none huge || skip no hugetlbfs
trap 'umount huge; echo 0 >/proc/sys/vm/nr_hugepages' EXIT
size() {{ case " $* " in *" -m "*|*" --mem "*) ;; *) echo --mem 64M ;; esac; }}
taken() {{
    vmm run $(size "$@") "$@" </dev/null >out 2>err ||
        fail "$*: status $?: $(cat err)"
}}
refused() {{
    vmm run $(size "$@") "$@" </dev/null >out 2>err
    [ $? = 2 ] && [ "$(wc -l <err)" = 1 ] && grep -q '^Fatal: ' err &&
        ! grep -q -i unknown err || fail "$*: is not refused: $(cat err)"
}}
"""


def _rows() -> tuple[list[str], list[str]]:
    """First words of the first table, and the options that are refused."""
    text = (SOURCE_ROOT / "docs" / "KVMTOOL.md").read_text()
    section = text.partition("## Options of `lkvm run`\n")[2]
    section = section.partition("\n## ")[0]
    rows = re.findall(r"^\| `([^` ]+)", section, re.M)
    lost = section.partition("These are refused with a reason:")[2]
    return rows, re.findall(r"`(--[^`]+)`", lost)


def cases() -> list[Case]:
    """All of them, in one."""
    rows, lost = _rows()
    untried = set(rows) ^ set(TRIED)
    if untried or not lost:
        raise Failure("tests/input/kvmtool_table.py and docs/KVMTOOL.md have "
                      f"other words: {', '.join(sorted(untried))}")
    lines = [BEGIN]
    for row in rows:
        taken, refusals = TRIED[row]
        lines += [f"taken {words}" for words in taken]
        lines += [f"refused {words}" for words in refusals]
    lines += [f"refused $F {word} x" for word in lost]
    lines.append(f"echo tried {len(rows)} and {len(lost)}")
    return [Case("kvmtool-s-words-are-as-the-table-says", host=HOST,
                 files=FILES, script="\n".join(lines), limit=600,
                 out=(f"tried {len(rows)} and {len(lost)}",))]
