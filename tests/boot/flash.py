"""Linux's driver of CFI flashes, and what a file must be to be one."""

from __future__ import annotations

from vmmtools.check.cases import Case, Host

HOST = Host()
LARGE_PAGES = Host(page="64k")
PAIR = "truncate -s 256K code.fd; truncate -s 64K vars.fd\n"
BOTH = "--mem 256M --flash code.fd --flash vars.fd"
# Each write of a word is an exit; 64 KiB are 20000 of them.
FILL_LIMIT = 120


def linux() -> list[Case]:
    """A guest finds, erases, writes, and reads its flashes again."""
    return [
        Case("flash-detected", host=HOST, quiet=True,
             script=PAIR + "guest 'cat /proc/mtd; strings "
                    f"/proc/device-tree/flash@2040000/label' {BOTH}",
             out=('mtd0: 00040000 00010000 "2000000.flash"',
                  'mtd1: 00010000 00010000 "2040000.flash"',
                  "System-firmware")),
        # On the file, and in a second run.
        Case("flash-keeps-what-was-written", host=HOST, quiet=True,
             limit=FILL_LIMIT,
             script=PAIR + "guest 'mtdio lock /dev/mtd0 0; "
                    f"mtdio fill /dev/mtd1 8' {BOTH} && "
                    "$LAB/boot/mtdio verify vars.fd 8 && echo on the file && "
                    "guest 'mtdio verify /dev/mtd1 8 && echo in the guest' "
                    f"{BOTH}",
             out=("mtdio: lock good", "mtdio: fill good", "on the file",
                  "in the guest")),
        Case("flash-over-a-reset-in-place", host=HOST, quiet=True,
             limit=FILL_LIMIT,
             script=PAIR + "guest 'mtdio verify /dev/mtd1 3 && "
                    "echo kept && poweroff -f; mtdio fill /dev/mtd1 3; "
                    f"reboot -f' {BOTH}",
             out=("mtdio: fill good", "mtdio: verify good", "kept")),
        Case("flash-read-only", host=HOST, quiet=True,
             script=PAIR + "guest 'mtdio refused /dev/mtd0 0; "
                    "mtdio lock /dev/mtd1 0' --mem 256M --flash code.fd,ro "
                    "-F vars.fd && tr -d '\\0' <code.fd | wc -c",
             out=("mtdio: refused good", "mtdio: lock good", "\n0")),
        Case("flash-on-64k-pages", host=LARGE_PAGES, quiet=True,
             limit=FILL_LIMIT,
             script=PAIR + "guest 'mtdio fill /dev/mtd1 5; "
                    f"mtdio verify /dev/mtd1 5' {BOTH} && "
                    "$LAB/boot/mtdio verify vars.fd 5",
             out=("mtdio: fill good", "Power down\nmtdio: verify good")),
        Case("flash-of-another-machine", host=HOST, status=2,
             script=PAIR + "vmm run --kernel $IMAGE --flash vars.fd "
                    ">log 2>&1 &\n"
                    "wait_for grep -q physmap log\n"
                    "vmm run --kernel $IMAGE --flash vars.fd; r=$?\n"
                    "kill $!; wait; exit $r",
             err=("Fatal: --flash: vars.fd: in use by another machine or "
                  "program",)),
    ]


def refused(name: str, make: str, words: str, sentence: str,
            host: Host = HOST) -> Case:
    """What is no flash."""
    return Case(f"flash-{name}", host=host, status=2, sentence=True,
                script=f"{make}\nvmm run --kernel $IMAGE {words}",
                err=(f"Fatal: --flash: {sentence}",))


def refusals() -> list[Case]:
    """Each ends in a sentence."""
    power = "that of a flash is a power of two, 64K to 16M"
    return [
        refused("missing", "", "--flash no.fd",
                "no.fd: No such file or directory"),
        refused("empty", ": >f.fd", "--flash f.fd", "f.fd: is empty"),
        refused("small", "truncate -s 32K f.fd", "--flash f.fd",
                f"f.fd: its size is 32K; {power}"),
        refused("odd", "truncate -s 768K f.fd", "--flash f.fd",
                f"f.fd: its size is 768K; {power}"),
        refused("large", "truncate -s 32M f.fd", "--flash f.fd",
                f"f.fd: its size is 32M; {power}"),
        refused("special", "mkfifo f.fd", "--flash f.fd",
                "f.fd: not a regular file"),
        refused("folder", "mkdir f.fd", "--flash f.fd,ro",
                "f.fd: is a directory"),
        refused("twice-the-same", "truncate -s 64K f.fd",
                "--flash f.fd --flash f.fd",
                "f.fd: this machine uses it twice, and may write it"),
        refused("where-rom-is", "truncate -s 64K f.fd rom",
                "--flash f.fd --rom rom@0x2000000",
                "flash at 0x2000000 (0x10000 bytes) overlaps ROM rom "
                "at 0x2000000"),
        refused("too-large-together",
                "truncate -s 16M a.fd; truncate -s 64K b.fd",
                "--flash a.fd --flash b.fd",
                "b.fd: there is no room for it; all flashes together are at "
                "most 16M"),
    ]


def cases() -> list[Case]:
    """All of them."""
    return linux() + refusals()
