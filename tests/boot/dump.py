"""Core dumps of Linux guests."""

from __future__ import annotations

from vmmtools.check.cases import Case, Host, mips_host

# A guest that keeps a text in memory, and counts. `field OFFSET LENGTH` prints
# bytes of the core as od has them.
DUMP = """
guest 'm=$(echo unXforXgetable | tr -d X); echo ready; i=0; while :; do i=$((i+1)); echo count $i; sleep 0.2; done' --name a --terminal socket {words} &
wait_for test -S /run/vmm/a.sock
vmm console a </dev/null >count &
wait_for grep -q ready count
field() {{ dd if=core bs=1 skip=$1 count=$2 2>/dev/null | od -An -tx1 | tr -d ' \\n'; }}
vmm dump a core || fail dump
[ "$(field 0 4)" = 7f454c46 ] || fail "no ELF file"
[ "$(field 16 2)" = 0400 ] || fail "no core"
[ "$(field 18 2)" = {machine} ] || fail "another machine"
strings core | grep -q unforgetable || fail "memory is not there"
[ $(stat -c %a core) = 600 ] || fail "others can read it"
[ $(($(stat -c %b core) / 2)) -lt 60000 ] || fail "it is not sparse"
last=$(tr -d '\\r' <count | sed -n 's/^count //p' | tail -n 1)
wait_for grep -q "count $((last + 3))" count
mkdir full; mount -t tmpfs -o size=1M none full
vmm dump a full/core; echo "status $?"
[ -z "$(ls full)" ] || fail "something is left"
umount full
vmm dump a nowhere/core; echo "status $?"
vmm pause a; vmm dump a core2 || fail "dump of a paused guest"
vmm list | grep -q paused || fail "it goes on"
vmm stop --force a
echo dumped
"""


def cases() -> list[Case]:
    """All of them."""
    errors = ("full/core: core: No space left on device",
              "nowhere/core: No such file or directory")
    return [
        Case("dump-arm64", host=Host("neoverse-n1", 3), limit=150,
             script=DUMP.format(machine="b700", words="--mem 128M --cpus 2 "
                                "--mem 64M@0x900000000,backing=memfd,share"),
             out=("status 1", "dumped"), err=errors),
        Case("dump-mips", host=mips_host(), limit=200,
             script=DUMP.format(machine="0800", words="--mem 48M"),
             out=("status 1", "dumped"), err=errors),
    ]
