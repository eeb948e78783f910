"""Network cards: two guests on a cable, a guest and its host."""

from __future__ import annotations

from vmmtools.check.cases import Case, Host

HOST = Host("neoverse-n1", smp=2)

# The second guest sends; the first one keeps what comes, and gives it back.
ANSWERS = ("ip link set eth0 mtu MTU up; ip addr add 10.9.0.1/24 dev eth0; "
           "nc -l -p 5001 >/tmp/got; sha1sum </tmp/got; "
           "nc -l -p 5002 </tmp/got")
ASKS = ("ip link set eth0 mtu MTU up; ip addr add 10.9.0.2/24 dev eth0; "
        "cat /sys/class/net/eth0/address; "
        "until ping -c 1 -w 1 10.9.0.1 >/dev/null; do sleep 1; done; "
        "ping -c 3 -s BIG 10.9.0.1; arp -n; "
        "head -c BYTES /dev/urandom >/tmp/put; sha1sum </tmp/put; "
        "until nc 10.9.0.1 5001 </tmp/put; do sleep 1; done; "
        "until nc 10.9.0.1 5002 >/tmp/back; do sleep 1; done; "
        "cmp /tmp/put /tmp/back && echo same")
PAIR = f"""
"$LAB/boot/netpair" cable &
pair=$!
wait_for [ -S cable ]
guest '{ANSWERS}' --mem MEM --net unix:cable,mac=02:00:00:00:00:77 >one 2>one.err &
one=$!
guest '{ASKS}' --mem MEM --net unix:cable,mtu=MTU --name two >two 2>two.err
echo two: $?
wait_for sh -c "! kill -0 $one"
wait_for sh -c "! kill -0 $pair"
cat one one.err two two.err
echo sums: $(grep -h -o -E '^[0-9a-f]{{40}}' one two | sort -u | wc -l)
"""


def pair(name: str, host: Host, mem: str, mtu: int, size: int) -> Case:
    """Two guests reach each other, with frames as large as they can be."""
    script = PAIR
    for word, value in (("MTU", mtu), ("MEM", mem), ("BYTES", size),
                        ("BIG", mtu - 28)):
        script = script.replace(word, str(value))
    return Case(name, host=host, script=script,
                out=("3 packets received", "02:00:00:00:00:77", "\nsame",
                     "run: exit 0", "two: 0", "sums: 1"),
                out_lacks=("run: exit 1",))


# The guest sends 8 MiB in frames of up to 64 KiB, and takes them back.
TAP = """
guest 'ip addr add 10.8.0.2/24 dev eth0; ip link set eth0 up; \
until ping -c 1 -w 1 10.8.0.1 >/dev/null; do sleep 1; done; \
head -c 8388608 /dev/urandom >/tmp/put; sha1sum </tmp/put; \
until nc 10.8.0.1 5001 </tmp/put; do sleep 1; done; \
nc -l -p 5002 | sha1sum; nc -l -p 5003' \
    --mem 256M --net tap=tap5 --name taps >said &
guest=$!
mkfifo hold; exec 9<>hold
wait_for [ -e /sys/class/net/tap5 ]
ip addr add 10.8.0.1/24 dev tap5
echo flags $(cat /sys/class/net/tap5/flags)
nc -l -p 5001 >got <&9
sha1sum <got
until nc 10.8.0.2 5002 <got; do sleep 1; done
wait_for sh -c '[ $(grep -c -E "^[0-9a-f]{40}" said) = 2 ]'
vmm stat taps --json >stat
vmm stat taps | grep ^net0
# By segments of 1448 bytes there were 5793 frames.
[ "$(grep -o '"frames": [0-9]*' stat | sed -n '2s/.* //p')" -lt 5000 ] &&
    echo few frames
until echo end | nc 10.8.0.2 5003; do sleep 1; done
wait_for sh -c "! kill -0 $guest"
[ -e /sys/class/net/tap5 ] || echo tap5 is gone
cat said
echo sums: $( (cat said; sha1sum <got) | grep -o -E '^[0-9a-f]{40}' | sort -u | wc -l)
"""


def cases() -> list[Case]:
    """All of them."""
    return [
        pair("net-two-guests-on-a-cable", HOST, "256M", 65535, 8 << 20),
        Case("net-tap-with-the-host", host=HOST, script=TAP,
             out=("flags 0x1003", "few frames", "net0 ", "tap5 is gone", "run: exit 0",
                  "sums: 1")),
        Case("net-user-without-passt", host=HOST, status=2, sentence=True,
             script="guest true --mem 64M --net user",
             err=("Fatal: --net user: there is no passt in PATH, which the "
                  "package passt has",)),
        Case("net-tap-without-rights", host=HOST, status=2, sentence=True,
             script="grep -q nobody /etc/passwd || echo "
                    "nobody:x:65534:65534::/:/bin/sh >>/etc/passwd\n"
                    "chmod 666 /dev/kvm /dev/net/tun\n"
                    "su -s /bin/sh nobody -c \"vmm run --kernel $IMAGE --mem "
                    "64M --net tap --control none\"",
             err=("Fatal: --net tap: a new interface: this takes "
                  "CAP_NET_ADMIN, or an interface that root has made for this "
                  "user: ip tuntap add dev NAME mode tap user USER",)),
        Case("no-network-card-unasked", host=HOST,
             script="guest 'ls /sys/class/net' --mem 256M",
             out=("lo", "run: exit 0"), out_lacks=("eth0",)),
        Case("net-of-a-socket-that-is-not-there", host=HOST, status=2,
             sentence=True, script="guest true --mem 64M --net unix:gone",
             err=("Fatal: --net unix:gone: gone: No such file or directory",)),
    ]
