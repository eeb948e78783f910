"""A Linux guest that is paused, looked at and ended over its control socket."""

from __future__ import annotations

from vmmtools.check.cases import Case, Host

HOST = Host(smp=2)
DEBIAN = Host("max", mem="2G", guest="debian")
LOAD = ("while :; do "
        "dd if=/dev/vda of=/tmp/x bs=64k count=64 iflag=direct; "
        "dd if=/tmp/x of=/dev/vda bs=64k oflag=direct; "
        "head -c 20000 /dev/hwrng | md5sum; done 2>&1 | grep -- -")

# Guest memory is a file, so that all of it can be looked at from outside.
EXACT = f"""
mkfifo keys; exec 3<>keys; truncate -s 8M disk.img
vmm run --kernel "$IMAGE" --initrd "$INITRD" --name p --cpus 2 --rng \\
    --mem 64M,backing=file:ram --disk disk.img --console virtio --cmdline \\
    "console=hvc0 quiet panic=-1 run='{LOAD}'" <keys >said &
wait_for grep -q -- - said
changed() {{ ! cmp -s ram was; }}
i=0
while [ $i -lt 4 ]; do
    vmm pause p || fail pause
    cp ram was; cp disk.img disk.was; size=$(stat -c %s said)
    echo typed >&3; usleep 50000
    cmp ram was || fail "its memory changed in pause $i"
    cmp disk.img disk.was || fail "its disk changed in pause $i"
    [ "$size" = "$(stat -c %s said)" ] || fail "it spoke in pause $i"
    i=$((i + 1))
    vmm resume p || fail resume
    usleep 50000; wait_for changed
done
vmm stop --force p && wait $! && echo exact
"""

SOCKET = ('vmm run --kernel "$IMAGE" --initrd "$INITRD" --mem 128M --name s '
          '--terminal socket --cmdline "console=ttyS0 quiet panic=-1" & '
          "wait_for test -S /run/vmm/s.sock; ")

# What `vmm stop` comes to, with these options of the run and this cause to wait
# for it.
STOP = """vmm run --kernel "$IMAGE" --initrd "$INITRD" --mem 256M --name b %s \\
    --cmdline "console=ttyS0 quiet panic=-1" </dev/null >said &
wait_for grep -q 'This is the guest' said
"""
REFUSED = """vmm stop b && fail "it stopped"
vmm list --names; vmm stop --force b && wait $! && echo forced
"""

# Latin-1, which is no UTF-8; and a name that is cut within a letter.
NAMES = r"""
latin=$(printf 'gr\366\337e.bin'); long=$(printf '%s\303\266.bin' a23456789012345678)
echo rom >"$latin"; echo rom >"$long"
vmm run --kernel "$IMAGE" --initrd "$INITRD" --mem 128M --name n \
    --rom "$latin@0x10000000" --rom "$long@0x11000000" \
    --cmdline "console=ttyS0 quiet panic=-1" </dev/null >/dev/null &
wait_for test -S /run/vmm/n.sock
vmm mem n --json | grep '"name"'
vmm stop --force n && wait $! && echo told
"""


def cases() -> list[Case]:
    """All of them."""
    return [
        Case("pause-is-exact-under-load", host=HOST, script=EXACT,
             out=("exact",)),
        Case("console-over-the-socket", host=HOST,
             script=SOCKET + r"on_pty expect '# ' raw send 'echo a-$((6*7))\n' "
             r"expect a-42 send '\x01x' status 0 same -- vmm console s && "
             r"on_pty expect a-42 send 'poweroff -f\n' status 0 same -- "
             "vmm console s && wait $! && echo over", out=("over",)),
        Case("console-over-the-socket-has-the-clients-size", host=HOST,
             script=SOCKET.replace("--terminal", "--console virtio --terminal")
             .replace("ttyS0", "hvc0") +
             r"on_pty size 100x30 expect '# ' send 'until stty size | "
             r"grep -w 100; do :; done\n' expect '30 100' size 132x43 send "
             r"'until stty size | grep -w 132; do :; done\n' expect '43 132' "
             r"send '\x01x' status 0 -- vmm console s && "
             "vmm stop --force s && wait $! && echo over", out=("over",)),
        Case("console-in-the-background-then-fg", host=HOST,
             script=SOCKET + r"on_pty send 'vmm console s &\n' expect "
             r"'/ # ' send 'fg\n' expect 'vmm console s' "
             r"send 'echo b-$((6*7))\n' expect b-42 raw send '\x01x' "
             r"expect 'case # ' send 'exit\n' status 0 same -- sh -i && "
             "vmm stop --force s && wait $! && echo over", out=("over",)),
        Case("mem-tells-regions-of-any-name", host=HOST, quiet=True,
             script=NAMES, out=('"ROM gr??e.bin"',
                                '"ROM a23456789012345678"', "told")),
        Case("stop-presses-the-power-button", host=DEBIAN, quiet=True,
             script=STOP % "--power-button" + "vmm stop b && wait $! && "
             "echo off", out=("off",)),
        Case("stop-a-paused-guest", host=DEBIAN, quiet=True,
             script=STOP % "--power-button" + "vmm pause b; "
             "{ usleep 500000; vmm resume b; } & vmm stop b && echo off",
             out=("off",)),
        Case("stop-without-a-driver", host=HOST,
             script=STOP % "--power-button" + REFUSED, out=("b\n", "forced"),
             err=("Fatal: b: the guest has no driver at work for its power "
                  "button; --force ends it at once",)),
        Case("stop-without-a-button", host=HOST, script=STOP % "" + REFUSED,
             out=("b\n", "forced"),
             err=("Fatal: b: this machine has no power button (run with "
                  "--power-button); --force ends it at once",)),
        Case("console-for-scripts", host=HOST,
             script=SOCKET + r"on_pty expect '# ' send '\x01x' status 0 -- "
             r"vmm console s || fail console; printf 'x=once\n' | "
             "vmm console --once s >said || fail once; "
             r"printf 'echo $x-$((6*7)); poweroff -f\n' | "
             "vmm console s >said && wait $! && grep -q once-42 said && "
             "echo heard", out=("heard",)),
        Case("a-paused-guest-hears-what-was-typed-later", host=HOST,
             script=SOCKET + r"on_pty expect '# ' send '\x01x' status 0 -- "
             "vmm console s || fail console; vmm pause s; "
             r"{ printf 'echo b-$((6*7)); poweroff -f\n'; sleep 1; "
             "vmm resume s; } | vmm console s >said && wait $! && "
             "grep -q b-42 said && echo heard", out=("heard",)),
    ]
