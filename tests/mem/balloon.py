"""The balloon under Linux guests: memory comes back, seen from outside.

Each guest keeps a file in its memory, and says its checksum again and again:
what is taken from it is never what it uses.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from vmmtools.check.cases import Case, Host

GUEST_SH = (Path(__file__).with_name("guest.sh"), "/lab/mem/guest.sh")
KEEP = ("dd if=/dev/urandom of=/tmp/keep bs=1M count=20 2>/dev/null; "
        "sha256sum /tmp/keep; ")
FILL = ("dd if=/dev/zero of=/tmp/fill bs=1M count={} 2>/dev/null; "
        "rm /tmp/fill; ")
SUM = "sha256sum /tmp/keep; "
STAGE2 = Host(mem="2G")
SMALL = Host(page="64k", mem="2G")
POOL = Host(mem="2G", append="hugepages=150")


def case(name: str, script: str, host: Host = STAGE2, **more: Any) -> Case:
    """A case that finds the functions of guest.sh."""
    return Case(f"balloon-{name}", host=host, files=(GUEST_SH,), limit=400,
                script=f'. "$LAB/mem/guest.sh"\n{script}', **more)


def gives_back() -> Case:
    """Inflate, deflate, use again: RSS, calls, blocks, content."""
    return case("gives-back", f"""
start '{KEEP}{FILL.format(250)}echo filled; read x; {SUM}{FILL.format(250)}
echo again; read x; {SUM}' --mem 512M --balloon=reporting=off
said filled
is 'MiB before' $(resident) -gt 270
is 'MiB by blocks before' $(blocks) -gt 200
shrink 128
is 'MiB after' $(resident) -lt 100
is 'bytes given back' $(balloon given-back) -ge $((384 << 20))
# 192 blocks of 2 MiB; a page is not a call.
is 'calls' $(balloon calls) -lt 300
shrink 512
go
said again
is 'MiB used again' $(resident) -gt 200
is 'MiB by blocks again' $(blocks) -gt 150
finish
same_sums 3
""")


def starts_small() -> Case:
    """A size on the command line holds from the first moment, and after a
    restart."""
    return case("starts-small", f"""
start '{KEEP}read x; {SUM}' --mem 256M --balloon=128M
said keep
wait_for has_kept $((128 << 20))
is 'MiB' $(resident) -lt 100
finish
same_sums 2
""")


def oom(on: bool) -> Case:
    """A guest in need helps itself, or goes without, as it was told."""
    words, then = (("", "-gt") if on else (",deflate-on-oom=off", "-eq"))
    count = 136314880 if on else 0
    return case(f"oom-{'helps-itself' if on else 'goes-without'}", f"""
start 'read x; head -c 130m /dev/zero | tail -c 130m | wc -c; echo done;
read x' --mem 256M --balloon=reporting=off{words}
shrink 96
go
said done
is 'bytes kept' $(balloon actual) {then} $((96 << 20))
finish
grep -q '^{count}' out || fail "it is not {count} bytes"
""")


def reports() -> Case:
    """What a guest frees comes back unasked."""
    return case("reports", f"""
start '{KEEP}{FILL.format(150)}echo filled; read x; {SUM}' --mem 256M --balloon
said filled
fewer() {{ [ $(resident) -lt 100 ]; }}
wait_for fewer
is 'bytes kept' $(balloon actual) -eq $((256 << 20))
is 'bytes given back' $(balloon given-back) -gt $((100 << 20))
finish
same_sums 2
""")


def filled_with_zeroes() -> Case:
    """A guest that takes free pages to be zero, for its page tables among
    others, gives them back and lives."""
    return case("init-on-free", f"""
export APPEND=init_on_free=1
start '{KEEP}{FILL.format(100)}echo filled; read x; {SUM}{FILL.format(100)}
echo again; {SUM}read x' --mem 256M --balloon
said filled
came_back() {{ [ $(balloon given-back) -gt $((50 << 20)) ]; }}
wait_for came_back
go
said again
finish
same_sums 3
""")


def of_backing(name: str, policy: str, before: str, there: str,
               host: Host = STAGE2) -> Case:
    """Memory of other kinds goes back, too; `there` says how much is there."""
    return case(name, f"""
{before}
there() {{ {there}; }}
start '{KEEP}{FILL.format(100)}echo filled; read x; {SUM}{FILL.format(100)}
{SUM}' --mem 256M,{policy} --balloon=reporting=off
said filled
is 'MiB before' $(there) -gt 110
shrink 96
is 'MiB after' $(there) -lt 100
shrink 256
finish
same_sums 3
""", host=host)


def backings() -> list[Case]:
    """Every kind of memory."""
    blocks = "du -m ram | cut -f 1"
    return [
        of_backing("memfd", "backing=memfd", "",
                   "awk '/^Shmem:/ { print int($2 / 1024) }' /proc/meminfo"),
        of_backing("file", "backing=file:ram", "", blocks),
        of_backing("file-private", "backing=file:ram,share=off",
                   "truncate -s 256M ram", "resident"),
        of_backing("locked", "lock=on", "ulimit -l unlimited", "resident"),
        of_backing("huge-2m", "huge=2M", "",
                   "awk '/^HugePages_Total/ { n = $2 } /^HugePages_Free/ "
                   "{ print (n - $2) * 2 }' /proc/meminfo", POOL),
        of_backing("pages-of-64k", "dump=off", "", "resident", SMALL),
    ]


def cases() -> list[Case]:
    """All of them."""
    return [gives_back(), starts_small(), oom(True), oom(False), reports(),
            filled_with_zeroes(), *backings()]
