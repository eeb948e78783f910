"""The emulated machines of the lab: QEMU's command line per architecture."""

from __future__ import annotations

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


def _arm64(machine: Machine, console: int, channel: int | None) -> list[str]:
    gic = machine.gic or 3
    cpu = machine.cpu or ("cortex-a72" if gic == 2 else "neoverse-n1")
    if cpu == "max":
        # The default algorithm of pointer authentication is slow to emulate.
        cpu = "max,pauth-impdef=on"
    board = f"virt,virtualization=on,gic-version={gic}"
    if machine.mte:
        board += ",mte=on"
    line = ["console=ttyAMA0", "panic=-1", "nokaslr", "mitigations=off",
            "rodata=off", "quiet"]
    if channel is None:
        # Nothing but a panic may be said between the frames.
        line += ["loglevel=1", "lab_channel=/dev/ttyAMA0"]
    else:
        line += ["lab_channel=/dev/vport0p1"]
    words = [
        "qemu-system-aarch64", "-M", board, "-cpu", cpu, "-m", machine.mem,
        "-smp", str(machine.smp), "-nodefaults", "-no-user-config",
        "-display", "none", "-no-reboot",
        "-kernel", str(machine.kernel), "-initrd", str(machine.initrd),
        "-append", " ".join(line + machine.append),
        "-chardev", f"socket,id=console,fd={console}",
        "-serial", "chardev:console",
    ]
    if channel is not None:
        words += ["-device", "virtio-serial-pci",
                  "-chardev", f"socket,id=lab,fd={channel}",
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
    line = ["console=ttyS0", "panic=-1", "quiet"]
    if channel is None:
        # Nothing but a panic may be said between the frames.
        line += ["loglevel=1", "lab_channel=/dev/ttyS0"]
    else:
        line += ["lab_channel=/dev/ttyS1"]
    words = [
        "qemu-system-mipsel", "-M", "malta", "-cpu", machine.cpu or "24Kf",
        "-m", machine.mem, "-nodefaults", "-no-user-config",
        "-display", "none", "-no-reboot",
        "-kernel", str(machine.kernel), "-initrd", str(machine.initrd),
        "-append", " ".join(line + machine.append),
        "-chardev", f"socket,id=console,fd={console}",
        "-serial", "chardev:console",
    ]
    if channel is not None:
        words += ["-chardev", f"socket,id=lab,fd={channel}",
                  "-serial", "chardev:lab"]
    return words


BOARDS = {"arm64": _arm64, "mips": _mips}


def command_line(arch: str, machine: Machine, console: int,
                 channel: int | None) -> list[str]:
    """QEMU's command line; `console` and `channel` are inherited sockets."""
    if arch not in BOARDS:
        raise Failure(f"{arch}: no emulated machine of this architecture", 2)
    words = BOARDS[arch](machine, console, channel)
    return words + (list(ICOUNT) if machine.icount else [])
