"""A lab run: which kernels, which files, on which machine."""

from __future__ import annotations

import os
import shutil
import sys
from dataclasses import dataclass, field
from pathlib import Path

from vmmtools import channel, hostpkgs, qemu
from vmmtools.arch import Arch
from vmmtools.base import Failure, hint, run
from vmmtools.build import Build
from vmmtools.cpio import Cpio
from vmmtools.images import Kernel, find_kernel, kernels
from vmmtools.initramfs import host_base, host_tree
from vmmtools.native import native_host, run_native
from vmmtools.session import Session

HOSTS = {
    "arm64": {"4k": "lab", "16k": "debian-16k", "64k": "mini-64k"},
    "mips": {"4k": "lab-host", "16k": "lab-host-16k"},
}
"""The kernel of the test host, by its page size."""
GUESTS = {
    "arm64": {"mini": "mini-guest", "full": "lab"},
    "mips": {"mini": "mini-guest"},
}
"""Short names of guests' kernels."""
TEST_GUEST = {"arm64": "full", "mips": "mini"}
"""The guest of tools/check: the one kernel that has all drivers."""
OWN_MINI = {("mips", "16k"): "mini-guest-16k"}
"""The mini guest of a host that cannot run the usual one: there, guests have
the host's page size."""

WITHOUT_16K = ("cortex-a53", "cortex-a57", "cortex-a72")
"""Processors on which a kernel of 16K pages says not a word."""


@dataclass
class Options:
    """What the user asks of tools/lab."""

    arch: Arch
    command: list[str]
    cpu: str = ""
    gic: int | None = None
    mte: bool = False
    page: str = "4k"
    host: str = ""
    guest: str = ""
    smp: int = 1
    mem: str = ""
    icount: bool = False
    append: list[str] = field(default_factory=list)
    files: list[tuple[Path, str]] = field(default_factory=list)
    interactive: bool = False
    timeout: float | None = 120
    log: Path | None = None
    build: bool = True

    @property
    def native(self) -> bool:
        """True if this machine is the test host: nothing else is asked for."""
        asked = (self.cpu, self.mte, self.host, self.append, self.icount,
                 self.gic not in (None, 3), self.page != "4k", self.smp != 1)
        return native_host(self.arch) and not any(asked)

    @property
    def stdin(self) -> str:
        """What the command reads: ours with -i, as a terminal if it is one."""
        if not self.interactive:
            return "null"
        return "tty" if sys.stdin.isatty() else "pipe"


def parse_file(word: str) -> tuple[Path, str]:
    """SRC[:DST] of --file; DST is /lab/NAME unless given, or in a folder."""
    source, _, target = word.partition(":")
    path = Path(source)
    if not path.exists():
        raise Failure(f"--file {word}: {source} does not exist", 2)
    if not target:
        target = "lab/"
    if target.endswith("/"):
        target += path.resolve().name
    return path, target.lstrip("/")


def _ready_or_debian(arch: Arch, name: str) -> Kernel:
    """A kernel that need not be built: `name`, else Debian's."""
    kernel = find_kernel(arch, name)
    if kernel.ready() or "debian" not in kernels(arch):
        return kernel
    hint(f"{name} is not built (tools/image {arch.name} {name} does it); "
         "taking Debian's kernel")
    return find_kernel(arch, "debian")


def host_kernel(options: Options) -> Kernel:
    """The kernel of the test host."""
    hosts = HOSTS[options.arch.name]
    if options.host:
        return find_kernel(options.arch, options.host)
    if options.page not in hosts:
        raise Failure(f"--page {options.page}: {options.arch.name} has no such "
                      f"host (known: {', '.join(hosts)})", 2)
    if options.page == "16k" and options.arch.name == "arm64":
        cpu = qemu.arm64_cpu(options.cpu, options.gic)
        if cpu in WITHOUT_16K:
            raise Failure(f"--page 16k: a {cpu} has no such pages (neoverse-n1 "
                          "has)", 2)
    if options.page == "4k":
        return _ready_or_debian(options.arch, hosts["4k"])
    return find_kernel(options.arch, hosts[options.page])


def guest_kernel(options: Options) -> Kernel:
    """The guest's kernel in /guest."""
    arch = options.arch
    guests = GUESTS[arch.name]
    if options.guest in ("", "mini"):
        return _ready_or_debian(
            arch, OWN_MINI.get((arch.name, options.page), guests["mini"]))
    return find_kernel(arch, guests.get(options.guest, options.guest))


def stripped(arch: Arch, program: Path) -> Path:
    """The program without its debugging information, made if it is older."""
    target = program.with_name(f"{program.name}.stripped")
    if (target.exists()
            and target.stat().st_mtime_ns >= program.stat().st_mtime_ns):
        return target
    scratch = target.with_name(f"{target.name}.{os.getpid()}")
    run([f"{arch.triplet}-strip", "-o", scratch, program])
    scratch.rename(target)
    return target


def add_run(cpio: Cpio, options: Options, program: Path | None) -> None:
    """What is particular to a run: vmm and the files asked for."""
    if program:
        cpio.copy("bin/vmm", program)
    for source, target in options.files:
        cpio.copy(target, source)


def _run_emulated(options: Options, program: Path | None) -> int:
    """Run the command in an emulated test host."""
    arch = options.arch
    hostpkgs.ensure(qemu.NEEDS.get(arch.name, {}),
                    f"emulate {arch.name} machines")
    host = host_kernel(options)
    base = host_base(arch, guest_kernel(options))
    own = Cpio()
    add_run(own, options, program)
    own.file(".lab/run", channel.run_words(
        options.stdin, os.environ.get("TERM", "dumb"), options.command))
    with open(os.memfd_create("initrd"), "wb") as initrd:
        with base.open("rb") as file:
            shutil.copyfileobj(file, initrd, 1 << 20)
        own.write(initrd)
        initrd.flush()
        machine = qemu.Machine(
            kernel=host.get(), initrd=Path(f"/dev/fd/{initrd.fileno()}"),
            cpu=options.cpu, gic=options.gic, mte=options.mte, smp=options.smp,
            mem=options.mem or arch.host_mem, icount=options.icount,
            serial_only=host.serial_only, append=options.append)
        session = Session(interactive=options.interactive,
                          timeout=options.timeout, log=options.log)
        return session.run(
            lambda console, port: qemu.command_line(
                arch.name, machine, console, port),
            machine.on_console, [initrd.fileno()])


def run_lab(options: Options) -> int:
    """Run the command on a test host; its status, 124 or 125."""
    arch = options.arch
    build = Build(arch)
    if options.build and arch.ported:
        build.make()
    if arch.ported and not build.program.exists():
        raise Failure(f"{build.program}: not built yet", 125)
    program = stripped(arch, build.program) if arch.ported else None
    if not options.native:
        return _run_emulated(options, program)
    tree = host_tree(arch, guest_kernel(options))
    add_run(tree, options, program)
    return run_native(tree, options.command, interactive=options.interactive,
                      timeout=options.timeout)
