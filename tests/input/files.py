"""Files that are missing, empty, cut off, something else, or liars."""

from __future__ import annotations

from input import bad_kernels, foreign_kernels
from input.words import FILES, FLAT, refused
from vmmtools.check.cases import Case, Host

HOST = Host("cortex-a72")
BAD = "/lab/bad/kernels"
FOREIGN = "/lab/bad/foreign"
SETUP = ": >empty; mkdir folder; mkfifo fifo; truncate -s 100M large"
NODE = "not a regular file"


def bad(name: str, words: str, sentence: str, setup: str = SETUP,
        status: int = 2) -> Case:
    """`vmm run WORDS` with files of SETUP in place."""
    return refused(name, f"run --mem 64M {words}", sentence, setup=setup,
                   status=status, host=HOST)


def special(option: str, said: str, *, block: bool = False) -> list[Case]:
    """What no file option takes; `said` comes before the file's name."""
    words = "" if option in ("kernel", "firmware") else f"--kernel {FLAT} "
    row = [("missing", "No such file or directory"), ("empty", "is empty"),
           ("folder", "is a directory"), ("fifo", NODE), ("/dev/null", NODE),
           ("/dev/zero", NODE),
           ("/dev/ttyAMA0", NODE)]
    if block:
        row[2] = ("folder", "Is a directory")
    return [bad(f"{option}-{file.replace('/', '')}",
                f"{words}--{option} {file}", f"{said}{file}: {why}")
            for file, why in row]


def kernels() -> list[Case]:
    """Kernels that lie."""
    elf = "ELF: "
    data = "compressed data: "
    rows = {
        "image-offset": "text offset 0x10000000000 in its header is beyond "
                        "2 MiB",
        "gzip-truncated": f"{data}truncated",
        "gzip-broken": f"{data}incorrect data check",
        "gzip-head": f"{data}truncated",
        "gzip-bomb": "decompresses to more than the limit of 65536 KiB",
        "zboot-method": "EFI zboot compressed in another way than gzip or "
                        "zstd",
        "elf-x86": f"{elf}for x86-64, guests here are arm64",
        "elf-truncated": f"{elf}truncated: a segment ends beyond the file",
        "elf-entry": f"{elf}its entry point is in no segment",
        "elf-wraps": f"{elf}a segment ends beyond the last address",
        "elf-nothing": f"{elf}nothing to load",
    }
    # Of these the sentence has numbers; it begins so.
    begins = {
        "image-size": "its 4503599627370496 KiB",
        "image-size-wraps": "its ",
        "zboot-offset": "EFI zboot payload of ",
        "zboot-size": "EFI zboot payload of 4294967295 bytes at 4096",
        "zboot-empty": "",
        "zboot-lies": data,
        "zboot-truncated": data,
        "elf-head": "truncated",
    }
    files = ((bad_kernels.folder(), BAD), *FILES)
    found = [Case(f"refused-kernel-{name}", host=HOST, files=files, status=2,
                  sentence=True,
                  err=(f"Fatal: kernel {BAD}/{name}: {sentence}\n",),
                  script=f"vmm run --mem 64M --kernel {BAD}/{name}")
             for name, sentence in rows.items()]
    return found + [
        Case(f"refused-kernel-{name}", host=HOST, files=files, status=2,
             sentence=True, err=(f"Fatal: kernel {BAD}/{name}: {sentence}",),
             script=f"vmm run --mem 64M --kernel {BAD}/{name}")
        for name, sentence in begins.items()]


def foreign() -> list[Case]:
    """Files that are no kernel at all."""
    files = (*FILES, (foreign_kernels.make_all(), FOREIGN))
    return [Case(f"refused-kernel-{name}", host=HOST, files=files, status=2,
                 sentence=True,
                 err=(f"Fatal: kernel {FOREIGN}/{name}: {said}\n",),
                 script=f"vmm run --mem 64M --kernel {FOREIGN}/{name} "
                        "--timeout 5s")
            for name, _, said in foreign_kernels.COMMANDS] + [
        Case("flat-code-is-told-at-info", host=HOST, files=FILES,
             script=f"vmm run --kernel {FLAT} --mem 64M --loglevel info",
             out=("flat 0000000080080000 dtb",),
             err=("no header of a known kind: it runs as flat code",))]


def trees() -> list[Case]:
    """Device trees that are none."""
    dump = f"vmm run --kernel {FLAT} --mem 64M --dump-dtb good >/dev/null"

    def tree(name: str, edit: str, code: str) -> Case:
        return bad(f"dtb-{name}", f"--kernel {FLAT} --dtb tree",
                   f"device tree tree: not one, or broken (FDT_ERR_{code})",
                   setup=f"{dump}\n{edit}")

    return [
        tree("truncated", "head -c 200 good >tree", "TRUNCATED"),
        tree("head", "head -c 8 good >tree", "TRUNCATED"),
        tree("of-text", "seq 1 1000 >tree", "BADMAGIC"),
        # Its size is the second word, big-endian.
        tree("size-lies", "cp good tree; printf '\\177' | dd of=tree bs=1 "
             "seek=4 conv=notrunc 2>/dev/null", "TRUNCATED"),
        tree("structure-lies", "cp good tree; printf '\\177' | dd of=tree "
             "bs=1 seek=8 conv=notrunc 2>/dev/null", "TRUNCATED"),
        bad("dtb-of-another-memory", f"--kernel {FLAT} --dtb good",
            "device tree good: its memory, 0x8000000 bytes at 0x80000000, is "
            "not the machine's, which begins with 0x4000000 bytes at "
            "0x80000000 (see --mem)",
            setup=f"vmm run --kernel {FLAT} --mem 128M --dump-dtb good "
                  ">/dev/null"),
        bad("dtb-large", f"--kernel {FLAT} --dtb large",
            "device tree: large: larger than 2097152 bytes"),
        bad("dump-dtb-nowhere", f"--kernel {FLAT} --dump-dtb no/where",
            "--dump-dtb: no/where: No such file or directory"),
        bad("dump-dtb-folder", f"--kernel {FLAT} --dump-dtb folder",
            "--dump-dtb: folder: Is a directory"),
        bad("dump-dtb-full", f"--kernel {FLAT} --dump-dtb /dev/full",
            "--dump-dtb: /dev/full: No space left on device", status=1),
    ]


def disks() -> list[Case]:
    """Disks, and words behind them."""
    def disk(name: str, word: str, sentence: str) -> Case:
        return bad(f"disk-{name}", f"--kernel {FLAT} --disk {word}",
                   f"--disk {word}: {sentence}")

    return [
        disk("unknown-key", "large,rd",
             "unknown key 'rd' (did you mean 'ro'?)"),
        disk("no-path", ",ro", "path: value missing"),
        disk("long-serial", "large,serial=123456789012345678901",
             "serial: at most 20 characters, as the guest is shown no more"),
        disk("format", "large,format=qcow2",
             "format=qcow2: only raw images are taken; 'qemu-img convert -O "
             "raw' makes one"),
        bad("disk-qcow2", f"--kernel {FLAT} --disk q",
            "--disk: q: is a qcow2 image; only raw ones are taken: convert it "
            "by 'qemu-img convert -O raw', or add \",format=raw\" if the "
            "guest is to see the file as it is",
            setup="printf 'QFI\\373\\0\\0\\0\\3' >q; truncate -s 1M q"),
        bad("disk-set-read-only", f"--kernel {FLAT} --disk $loop",
            "--disk: /dev/loop0: is set read-only",
            setup=f"{SETUP}\nloop=/dev/loop0; losetup -r $loop large\n"
                  'trap "losetup -d $loop" EXIT'),
        bad("disk-twice", f"--kernel {FLAT} --disk large --disk large,ro",
            "--disk: large: this machine uses it twice, and may write it"),
        bad("disk-17", f"--kernel {FLAT} $(for i in $(seq 17); do "
            "echo --disk large; done)", "--disk large: at most 16 disks"),
        bad("disk-on-a-read-only-file-system", f"--kernel {FLAT} --disk ro/d",
            "--disk: ro/d: Read-only file system",
            setup="mkdir ro; mount -t tmpfs none ro; truncate -s 1M ro/d\n"
                  'mount -o remount,ro ro; trap "umount ro" EXIT'),
    ]


def cases() -> list[Case]:
    """All of them."""
    large = ("do not fit in guest memory with the kernel's 1 KiB, the largest "
             "region has 65536 KiB")
    return (
        special("kernel", "Unable to open kernel ")
        + special("initrd", "initrd: ")
        + special("disk", "--disk: ", block=True)
        + [case for case in special("dtb", "device tree: ")
           if not case.name.endswith("empty")]
        + special("firmware", "firmware: ")[:4]
        + kernels() + foreign() + trees() + disks() + [
            bad("dtb-empty", f"--kernel {FLAT} --dtb empty",
                "device tree empty: not one, or broken (FDT_ERR_TRUNCATED)"),
            bad("initrd-large", f"--kernel {FLAT} --initrd large",
                f"initrd large: its 102400 KiB {large}"),
            Case("initrd-of-any-content", host=HOST, files=FILES,
                 script=f"seq 1 100 >any; vmm run --kernel {FLAT} "
                        "--initrd any --mem 64M", out=("flat ",), quiet=True),
            Case("refused-name-that-a-terminal-acts-on", host=HOST,
                 files=FILES, status=2, sentence=True,
                 script="vmm run --kernel \"$(printf 'a\\033[2Jb\\nc')\"",
                 err=("Unable to open kernel a?[2Jb?c: ",)),
        ])
