"""A guest that boots another kernel by itself: Debian's kexec-tools.

What kexec loads is checked by SHA-256 before the new kernel starts, with the
MMU off: that is silent, and takes seconds on an emulated host. The new kernel
is the one that most cases boot, so that no other has to be built.
"""

from __future__ import annotations

from vmmtools import initramfs
from vmmtools.check.cases import Case, File, Host
from vmmtools.check.report import CHECK_FOLDER
from vmmtools.cpio import Cpio

from boot.artifacts import ARM64, debian_programs, guest_image

HOST = Host(guest="debian", mem="2G", smp=2)
"""The small guest kernels have no kexec."""
TIMES = 3
KEXEC = ("kexec-tools", "libc6", "libxencall1", "libxendevicemodel1",
         "libxenevtchn1", "libxenforeignmemory1", "libxengnttab1",
         "libxenmisc4.17", "libxentoolcore1", "libxentoollog1", "zlib1g")
"""The program's package, and those of all its libraries."""

SCRIPT = f"""
cat "$INITRD" "$LAB/kexec.cpio" >initrd; INITRD=$PWD/initrd
kexec='./ld-linux-aarch64.so.1 --library-path . ./kexec'
i=0
while [ $i -lt {TIMES} ]; do
    guest "cd /kexec; $kexec -l Image --initrd=initrd \\
        --command-line=console=ttyS0 && echo loaded; $kexec -e" \\
        --mem 512M --cpus 2 </dev/null >said || fail "status $?"
    grep -q loaded said || fail "nothing was loaded"
    grep -q 'guest up' said || fail "the new kernel said nothing"
    i=$((i + 1))
done
echo all $i times
"""


def _cpio() -> File:
    """What is added to the guest's initramfs."""
    programs = debian_programs("kexec", KEXEC, (
        "sbin/kexec", "lib/ld-*", "lib/*/*.so*", "usr/lib/*/*.so*"))
    cpio = Cpio()
    for file in sorted(programs.iterdir()):
        cpio.copy(f"kexec/{file.name}", file)
    cpio.file("kexec/Image", guest_image())
    cpio.copy("kexec/initrd", initramfs.bench_initrd(ARM64))
    path = CHECK_FOLDER / "artifacts" / "kexec.cpio"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as out:
        cpio.write(out)
    return path, "/lab/kexec.cpio"


def cases() -> list[Case]:
    """A new kernel, several times."""
    return [Case("kexec-with-its-check", host=HOST, script=SCRIPT, limit=600,
                 out=(f"all {TIMES} times",), files=(_cpio(),))]
