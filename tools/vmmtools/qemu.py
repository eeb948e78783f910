"""The emulated machines of the lab: QEMU's command line per architecture."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path

from vmmtools.base import Failure

NEEDS = {
    "arm64": {"qemu-system-aarch64": "qemu-system-arm"},
    "mips": {"qemu-system-mipsel": "qemu-system-mips"},
}
"""What tells that the emulator of an architecture is installed."""

ICOUNT = ("-icount", "shift=0,sleep=off",
          "-rtc", "clock=vm,base=2024-01-01T00:00:00", "-seed", "1")
"""One instruction is one nanosecond, and every run is the same."""


@dataclass(frozen=True)
class Machine:
    """The test host as the user wants it."""

    kernel: Path
    initrd: Path
    cpu: str = ""
    gic: int | None = None
    mte: bool = False
    smp: int = 1
    mem: str = "1G"
    icount: bool = False
    serial_only: bool = False
    append: list[str] = field(default_factory=list)

    @property
    def on_console(self) -> bool:
        """True if the serial console is the channel to the host.

        A counted run uses it too: its bytes are emulated in the thread that
        counts, a virtio port's in another.
        """
        return self.serial_only or self.icount


def _common(machine: Machine, tty: str, console: int, lab: str,
            channel: int | None, more: Sequence[str] = ()) -> list[str]:
    """What every machine is given.

    The host calls the serial port of `console` `tty`, and that of `channel`
    `lab`; `more` is for its kernel's command line.
    """
    line = [f"console={tty}", "panic=-1", *more, "quiet"]
    if channel is None:
        # Nothing but a panic may be said between the frames.
        line += ["loglevel=1", f"lab_channel=/dev/{tty}"]
    else:
        line += [f"lab_channel=/dev/{lab}"]
    words = ["-m", machine.mem, "-nodefaults", "-no-user-config",
             "-display", "none", "-no-reboot",
             "-kernel", str(machine.kernel), "-initrd", str(machine.initrd),
             "-append", " ".join(line + machine.append),
             "-chardev", f"socket,id=console,fd={console}",
             "-serial", "chardev:console"]
    if channel is not None:
        words += ["-chardev", f"socket,id=lab,fd={channel}"]
    return words


def arm64_cpu(cpu: str, gic: int | None) -> str:
    """The processor of an arm64 host: one that goes with its GIC, unless it is
    named."""
    return cpu or ("cortex-a72" if gic == 2 else "neoverse-n1")


def _arm64(machine: Machine, console: int, channel: int | None) -> list[str]:
    gic = machine.gic or 3
    cpu = arm64_cpu(machine.cpu, gic)
    if cpu == "max":
        # The default algorithm of pointer authentication is slow to emulate.
        cpu = "max,pauth-impdef=on"
    board = f"virt,virtualization=on,gic-version={gic}"
    if machine.mte:
        board += ",mte=on"
    words = ["qemu-system-aarch64", "-M", board, "-cpu", cpu,
             "-smp", str(machine.smp),
             # trace_eval_init makes texts of trace events, for long.
             *_common(machine, "ttyAMA0", console, "vport0p1", channel,
                      ("nokaslr", "mitigations=off", "rodata=off",
                       "initcall_blacklist=trace_eval_init"))]
    if channel is not None:
        words += ["-device", "virtio-serial-pci",
                  "-device", "virtserialport,chardev=lab,name=lab"]
    return words


def _mips(machine: Machine, console: int, channel: int | None) -> list[str]:
    """A Malta; its PCI interrupts lead nowhere without a firmware, so the
    channel is the second serial port."""
    if machine.gic or machine.mte:
        raise Failure("--gic, --mte: a MIPS host has no such thing", 2)
    if machine.smp != 1:
        raise Failure(f"--smp {machine.smp}: a MIPS host has one processor: "
                      "time goes wrong on emulated ones of more", 2)
    words = ["qemu-system-mipsel", "-M", "malta", "-cpu", machine.cpu or "24Kf",
             *_common(machine, "ttyS0", console, "ttyS1", channel)]
    return words + (["-serial", "chardev:lab"] if channel is not None else [])


BOARDS = {"arm64": _arm64, "mips": _mips}


def command_line(arch: str, machine: Machine, console: int,
                 channel: int | None) -> list[str]:
    """QEMU's command line; `console` and `channel` are inherited sockets."""
    if arch not in BOARDS:
        raise Failure(f"{arch}: no emulated machine of this architecture", 2)
    words = BOARDS[arch](machine, console, channel)
    return words + (list(ICOUNT) if machine.icount else [])
