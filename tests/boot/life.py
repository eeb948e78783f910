"""How guests end, restart, and are ended; what becomes of the terminal."""

from __future__ import annotations

from vmmtools.check.cases import Case, Host

HOST = Host("neoverse-n1")
FULL = Host()
MEM = "256M"
RUN = f'vmm run --kernel "$IMAGE" --initrd "$INITRD" --mem {MEM}'
LINE = '--cmdline "console=ttyS0 quiet panic=-1"'
SHELL = f"{RUN} {LINE}"
LIVES = 10
DIES = f'{RUN} --cmdline "console=ttyS0 quiet panic=-1 rdinit=/bin/false"'
DIES_UNTOLD = DIES.replace(
    "panic=-1", "panic=-1 initcall_blacklist=pvpanic_mmio_driver_init")
"""Without the driver of pvpanic, a panic is a restart."""


def signal(number: int, name: str) -> Case:
    """A signal that ends programs."""
    return Case(f"terminal-restored-after-{name}", host=HOST,
                script=f"on_pty expect '# ' raw kill {number} "
                       f"status {128 + number} same -- {SHELL}")


def crash(number: int, name: str) -> Case:
    """A signal that a program that is wrong ends by. Its control socket stays;
    the next guest of that name replaces it."""
    return Case(f"terminal-restored-after-{name}", host=HOST,
                script=f"on_pty expect '# ' raw kill {number} "
                       f"status {128 + number} same -- {SHELL} --name wrong "
                       "&& rm /run/vmm/wrong.sock")


def reboots(name: str, host: Host, words: str, cpus: int, lives: int) -> Case:
    """A guest that begins again, and keeps what is on its disk."""
    return Case(
        name, host=host,
        script="truncate -s 1M disk.img\nguest 'n=$(head -c 1 /dev/vda | "
               "tr -cd 0-9); n=$((n + 1)); echo life $n on $(nproc); "
               f"echo $n >/dev/vda; sync; [ $n = {lives} ] && poweroff -f; "
               f"reboot -f' {words} --disk disk.img && "
               "read -r n <disk.img && echo lives $n",
        out=(*(f"life {n} on {cpus}" for n in range(1, lives + 1)),
             f"lives {lives}"))


def everywhere(prefix: str, host: Host, mem: str) -> list[Case]:
    """What is to be seen on every architecture."""
    run = RUN.replace(MEM, mem)
    return [
        reboots(f"{prefix}reboot-in-place", host, f"--mem {mem}", 1, 3),
        Case(f"{prefix}no-reboot-is-3", host=host, status=3, quiet=True,
             script=f"guest 'echo once; reboot -f' --mem {mem} --no-reboot",
             out=("once",)),
        Case(f"{prefix}panic-and-reset-is-3", host=host, status=3, quiet=True,
             script=f"{DIES_UNTOLD.replace(MEM, mem)} --no-reboot",
             out=("Attempted to kill init",)),
        Case(f"{prefix}shell-on-the-terminal", host=host,
             script=r"on_pty expect '# ' raw send 'echo a-$((6*7))\n' expect "
                    r"a-42 send 'poweroff -f\n' status 0 same "
                    f"-- {run} {LINE}"),
        Case(f"{prefix}shell-on-the-virtio-console", host=host,
             script=r"on_pty expect '# ' raw send 'echo a-$((6*7)) $(tty)\n' "
                    r"expect 'a-42 /dev/hvc0' send 'poweroff -f\n' status 0 "
                    f'same -- {run} --console virtio --cmdline '
                    '"console=hvc0 quiet panic=-1"'),
    ]


# What the process holds: descriptors, mappings and threads; and kB of memory,
# but for the guest's, which is the one mapping of its size.
REBOOTS = f"""
mkfifo keys; exec 3<>keys
{RUN} --cpus 2 --name r --cmdline \\
    "console=ttyS0 quiet panic=-1 run='echo up; read x; reboot -f'" \\
    <keys >said &
p=$!
held() {{
    for of in fd map_files task; do ls /proc/$p/$of | wc -l; done
}}
resident() {{
    awk '$1 == "Size:" {{ size = $2 }}
        $1 == "Rss:" && size != 256 * 1024 {{ sum += $2 }}
        END {{ print sum }}' /proc/$p/smaps
}}
is_up() {{ [ "$(grep -c '^up' said)" -gt $i ]; }}
i=0
while [ $i -lt {LIVES} ]; do
    wait_for is_up
    [ $i = 2 ] && held >then && was=$(resident)
    i=$((i + 1))
    [ $i = {LIVES} ] || echo >&3
done
held >now; now=$(resident)
cmp then now || fail "held $(cat then) and then $(cat now)"
[ $((now - was)) -le 64 ] || fail "$was kB and then $now kB"
vmm stop --force r && echo the same
"""


PANIC_PAUSES = f"""
{DIES_UNTOLD.replace("panic=-1", "panic=0")} --on-panic pause --name p >said &
p=$!
panicked() {{ vmm list | grep -o guest-panicked; }}
wait_for panicked
panicked
vmm dump p core && echo "core: $(head -c 4 core | tail -c 3)"
vmm resume p && vmm list | grep -o running
vmm stop --force p
wait $p
"""


def endings() -> list[Case]:
    """Each status but those of errors."""
    return [
        Case("reboots-leave-nothing-behind", host=HOST, script=REBOOTS,
             limit=600,
             out=("the same",)),
        reboots("reboot-in-place-of-4-cpus", HOST, f"--mem {MEM} --cpus 4",
                4, 2),
        Case("kernel-that-is-gone-at-a-restart-is-1", host=HOST, status=1,
             script='cp "$IMAGE" gone; mkfifo in\n'
                    "IMAGE=gone guest 'echo up; read x; reboot -f' "
                    "--mem 256M <in >out & exec 3>in\n"
                    "wait_for grep -q up out; rm gone; echo >&3; wait $!",
             err=("Fatal: restart: Unable to open kernel gone: No such file",)),
        Case("panic-told-by-pvpanic-is-4", host=FULL, status=4, quiet=True,
             script=DIES, out=("Attempted to kill init",)),
        Case("crash-told-by-pvpanic-is-4", host=FULL, status=4, quiet=True,
             script="guest 'echo c >/proc/sysrq-trigger' --mem 256M",
             out=("sysrq triggered crash",)),
        Case("panic-told-by-the-console-is-4", host=HOST, status=4, quiet=True,
             script=f"{DIES_UNTOLD} --on-panic exit",
             out=("Attempted to kill init", "Kernel panic")),
        Case("panic-pauses-the-guest", host=HOST,
             script=PANIC_PAUSES,
             out=("guest-panicked", "core: ELF", "running"),
             err=("the guest has panicked and is paused: 'vmm dump p FILE' "
                  "writes its core",)),
        Case("panic-writes-a-core", host=HOST, status=4,
             script=f"{DIES} --on-panic dump=core >said; s=$?; "
                    "head -c 4 core | tail -c 3; exit $s",
             out=("ELF",),
             err=("the guest has panicked: its core is core",)),
        Case("panic-without-room-for-its-core-is-4", host=HOST, status=4,
             script=f"{DIES} --on-panic dump=/no/core >said",
             err=("--on-panic dump: /no/core",)),
        Case("console-log-has-what-the-console-said", host=HOST,
             script="guest 'seq 1 400' --mem 256M --console-log log >out && "
                    "cmp log out && grep -c '^[0-9]*.$' log && "
                    "guest 'seq 1 2000' --mem 256M --console-log log,max=8K "
                    "| tail -c 4096 >out && "
                    "cat log.1 log | tail -c 4096 | cmp - out && "
                    "stat -c %s log.1",
             out=("400\n", "4096\n")),
        Case("console-log-is-printed", host=HOST, quiet=True,
             script="guest 'seq 1 2000; sleep 1000' --mem 256M --name a "
                    "--terminal socket --console-log log,max=8K &\n"
                    "wait_for grep -q '^2000' log\n"
                    "cat log.1 log >kept\n"
                    "(cd / && vmm console a --log) | "
                    "head -c $(wc -c <kept) | cmp - kept && echo same\n"
                    "vmm stop --force a; wait\n"
                    "guest 'sleep 1000' --mem 256M --name b "
                    "--terminal socket &\n"
                    "wait_for test -S /run/vmm/b.sock\n"
                    "vmm console b --log 2>&1; vmm stop --force b; wait",
             out=("same\n", "Fatal: b: the console is not kept: it was not "
                  "started with --console-log\n")),
        Case("timeout-is-124", host=HOST, status=124, quiet=True,
             script=f"{SHELL} --timeout 1s"),
        Case("timeout-of-a-stuck-guest-is-124", host=HOST, status=124,
             quiet=True,
             script="guest 'while :; do :; done' --mem 256M --cpus 2 "
                    "--timeout 500ms"),
    ]


def terminals() -> list[Case]:
    """Terminals, and what else output and input may be."""
    return [
        Case("much-output-by-the-virtio-console", host=HOST,
             script=f"{RUN} --console virtio --cmdline \"console=hvc0 quiet "
                    "panic=-1 run='seq 1 3000'\" >out && "
                    "grep -c '^[0-9]*.$' out && tail -n 3 out",
             out=("3000\n",)),
        Case("much-output-by-the-serial-port", host=HOST,
             script="guest 'seq 1 400' --mem 256M | grep -c '^[0-9]*.$'",
             out=("400\n",)),
        Case("no-console-says-nothing", host=HOST,
             script="guest 'echo said' --mem 256M --console none | wc -c",
             out=("0\n",)),
        Case("ctrl-a-x-leaves", host=HOST,
             script=r"on_pty expect '# ' raw send '\x01x' status 0 same "
                    f"-- {SHELL}"),
        Case("ctrl-a-ctrl-a-reaches-the-guest", host=HOST,
             script=r"on_pty expect go send 'x\x01\x01y\n' expect 'x^Ay' "
                    r"send '\x01x' status 0 same -- "
                    f'{RUN} --cmdline "console=ttyS0 quiet panic=-1 '
                    "run='stty -echo; echo go; cat -v'\""),
        Case("ctrl-c-reaches-the-guest", host=HOST,
             # cat says everything twice: then it runs, and may be ended.
             script=r"on_pty expect '# ' send 'echo re\"\"ady; cat\n' "
                    r"expect ready send 'hi\n' expect hi expect hi send '\x03' expect '# ' send 'echo b-$?\n' "
                    r"expect b-130 send '\x01x' status 0 same "
                    f"-- {SHELL}"),
        signal(1, "hangup-signal"), signal(2, "interrupt"),
        signal(3, "quit"), signal(15, "term"), crash(11, "crash"),
        crash(6, "abort"),
        Case("raw-again-after-a-stop", host=HOST,
             script=r"on_pty expect '# ' raw kill 19 cook kill 18 raw "
                    r"send 'echo d-$((6*7))\n' expect d-42 "
                    r"send '\x01x' status 0 same "
                    f"-- {SHELL}"),
        Case("started-in-the-background-then-fg", host=HOST,
             script=f"cat >job <<'E'\nexec {SHELL}\nE\n"
                    r"on_pty send 'sh job &\n' expect '/ # ' "
                    r"send 'fg\n' expect 'sh job' send 'echo e-$((6*7))\n' "
                    r"expect e-42 raw send '\x01x' expect 'case # ' "
                    r"send 'exit\n' status 0 same -- sh -i"),
        Case("console-knows-the-size-of-the-terminal", host=HOST,
             # The guest hears of a change a little later.
             script=r"on_pty size 100x30 expect '# ' send 'stty size\n' "
                    r"expect '30 100' size 132x43 send "
                    r"'until stty size | grep -w 132; do :; done\n' "
                    r"expect '43 132' send '\x01x' status 0 -- "
                    f'{RUN} --console virtio --cmdline "console=hvc0 quiet"'),
        Case("terminal-restored-after-timeout", host=HOST,
             script="on_pty expect 'Booting Linux' raw status 124 same -- "
                    f'{RUN} --cmdline "console=ttyS0 earlycon" --timeout 6s'),
        Case("terminal-restored-after-panic", host=FULL,
             script="on_pty expect 'Attempted to kill init' status 4 same -- "
                    f"{DIES}"),
        Case("input-from-a-pipe", host=HOST,
             script=r"printf 'echo c-$((6*7))\npoweroff -f\n' | "
                    f"{SHELL}", out=("c-42",)),
        Case("no-files-at-all", host=HOST,
             script="guest true --mem 256M <&- >&- 2>&-"),
        Case("output-that-is-full", host=HOST,
             script="guest 'seq 1 200' --mem 256M >/dev/full"),
        Case("reader-that-leaves", host=HOST,
             script="{ guest 'echo first; seq 1 200' --mem 256M; "
                    "echo $? >status; } | head -n 1\ncat status",
             out=("first", "\n0")),
    ]


def cases() -> list[Case]:
    """All of them."""
    return everywhere("", HOST, MEM) + endings() + terminals()
