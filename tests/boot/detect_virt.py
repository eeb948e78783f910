"""What Debian's systemd takes an arm64 guest for."""

from __future__ import annotations

from vmmtools.check.cases import Case, File, Host
from vmmtools.check.report import CHECK_FOLDER
from vmmtools.cpio import Cpio

from boot.artifacts import debian_programs

HOST = Host(smp=2)
PACKAGES = ("systemd", "libsystemd-shared", "libc6", "libacl1", "libaudit1",
            "libblkid1", "libcap-ng0", "libcap2", "libcrypt1", "libgcrypt20",
            "libgpg-error0", "libip4tc2", "libkmod2", "liblz4-1", "liblzma5",
            "libmount1", "libpam0g", "libpcre2-8-0", "libseccomp2",
            "libselinux1", "libssl3", "libzstd1")
"""The program's package, and those of all its libraries."""
FILES = ("usr/bin/systemd-detect-virt", "lib/ld-*", "lib/*/*.so*",
         "usr/lib/*/*.so*", "usr/lib/*/systemd/libsystemd-shared-*.so")
SCRIPT = """
cat "$INITRD" "$LAB/virt.cpio" >initrd; INITRD=$PWD/initrd
guest "cd /virt; LD_LIBRARY_PATH=. ./ld-linux-aarch64.so.1 \\
    ./systemd-detect-virt" --mem 256M
"""


def _cpio() -> File:
    """What is added to the guest's initramfs."""
    cpio = Cpio()
    for file in sorted(debian_programs("detect-virt", PACKAGES,
                                       FILES).iterdir()):
        cpio.copy(f"virt/{file.name}", file)
    path = CHECK_FOLDER / "artifacts" / "virt.cpio"
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("wb") as out:
        cpio.write(out)
    return path, "/lab/virt.cpio"


def cases() -> list[Case]:
    """The guest sees its hypervisor."""
    return [Case("systemd-detects-kvm", host=HOST, script=SCRIPT,
                 out=("kvm", "run: exit 0"), files=(_cpio(),))]
