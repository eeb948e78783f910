"""EDK2 for kvmtool, driven by keys from its menu to a booted kernel."""

from __future__ import annotations

from pathlib import Path

from boot.artifacts import ARM64
from vmmtools import firmware, initramfs
from vmmtools.base import recipe_key, run
from vmmtools.check.cases import Case, Host
from vmmtools.check.report import CHECK_FOLDER
from vmmtools.images import find_kernel

# Its initramfs holds the disk and the firmware.
HOST = Host("neoverse-n1", mem="2G")
DOWN, ENTER = r"\x1b[B", r"\r"
# Alone it takes a minute. The firmware says nothing before its menu, which has
# taken more than two minutes on a machine that had twenty other things to do.
STEP_LIMIT = 400
LIMIT = 1200
# Of bytes that are the length of stdout-path: docs/DEVICES.md.
SEED = "0x1010101010101010"

MENU = [
    ("limit", str(STEP_LIMIT)),
    # The menu is there when it says what its first line is for.
    ("expect", "Standard English"), ("expect", "current system"),
    ("send", DOWN), ("expect", "Device Manager"),
    ("send", DOWN), ("expect", "take you to the Boot"),
    ("send", ENTER),
    # Boot Manager: the shell is the first line.
    ("expect", "UEFI Shell"), ("expect", "Device Path"),
    ("send", ENTER), ("expect", "Shell> "),
]
VARIABLE = "setvar vmm -guid 5d2f2c1e-7a0b-4b43-9c0e-5a7d0f6a1e11"


def esp() -> Path:
    """A disk with a FAT of Debian's kernel, which is an EFI program, too."""
    kernel = find_kernel(ARM64, "debian")
    initrd = initramfs.guest_initrd(ARM64, kernel)
    key = recipe_key(kernel.folder.name, initrd.name)
    path = CHECK_FOLDER / "artifacts" / f"esp-{key}.img"
    if path.exists():
        return path
    path.parent.mkdir(parents=True, exist_ok=True)
    made = path.with_suffix(".part")
    made.unlink(missing_ok=True)
    run(["mformat", "-i", made, "-C", "-T", str(128 << 10), "-F", "::"],
        quiet=True)
    run(["mcopy", "-i", made, kernel.image, "::linux.efi"], quiet=True)
    run(["mcopy", "-i", made, initrd, "::initrd"], quiet=True)
    return made.rename(path)


def steps(said: list[tuple[str, str]]) -> str:
    """Words for on_pty; no text has a single quote."""
    return " ".join(f"{name} '{text}'" for name, text in said)


def firmware_run(said: list[tuple[str, str]]) -> str:
    """A run of vmm that ends by itself, and leaves the terminal as it was."""
    return (f"on_pty {steps(MENU + said)} status 0 same -- vmm run "
            "--firmware KVMTOOL_EFI.fd --flash vars.fd --disk disk.img,ro "
            f"--mem 512M --kaslr-seed {SEED}\n")


def cases() -> list[Case]:
    """All of them."""
    files = ((firmware.edk2(ARM64), "/lab/firmware/KVMTOOL_EFI.fd"),
             (esp(), "/lab/firmware/disk.img"))
    begin = ("cp /lab/firmware/KVMTOOL_EFI.fd .\n"
             "ln -s /lab/firmware/disk.img disk.img\n"
             "truncate -s 1M vars.fd\n")
    linux = [
        ("send", r"FS0:\r"), ("expect", r"FS0:\\> "),
        ("send", r"ls\r"), ("expect", "linux.efi"),
        ("expect", r"FS0:\\> "),
        ("send", r'linux.efi initrd=\\initrd console=ttyS0 '
         r"run=\x27cat /sys/class/rtc/rtc0/name; date +now:%s\x27\r"),
        ("expect", "Booting Linux"), ("expect", "Run /init"),
        ("expect", "run: exit 0"),
    ]
    return [
        Case("firmware-boots-linux-by-keys", host=HOST, limit=LIMIT,
             files=files,
             # Firmware reads the MC146818, and Linux asks firmware.
             script=f"{begin}before=$(date +%s)\n"
                    f"{{\n{firmware_run(linux)}}} >said\n"
                    "r=$?; after=$(date +%s); cat said; [ $r = 0 ] || exit $r\n"
                    # A line of a terminal ends with \\r, so it is no number.
                    "awk -F: -v before=$before -v after=$after '/^now/ "
                    "{ t = $2 + 0; good = t >= before - 1 && t <= after + 1 } "
                    "END { exit !good }' said || "
                    "fail not between $before and $after",
             out=("rtc-efi", "EFI stub: Booting Linux", "run: exit 0")),
        Case("firmware-keeps-its-variables", host=HOST, limit=LIMIT,
             files=files,
             script=begin + firmware_run(
                 [("send", VARIABLE + r" -bs -nv =0x766d6d21\r"),
                  ("expect", "Shell> "), ("send", r"reset -s\r")])
             + "r=$?; [ $r = 0 ] || exit $r\n" + firmware_run(
                 [("send", VARIABLE + r"\r"), ("expect", "21 6D 6D 76"),
                  ("send", r"reset -s\r")])),
    ]
