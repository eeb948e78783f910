"""Snapshots and migrations on hosts that lack something: the guest goes on."""

from __future__ import annotations

from boot.migrate import start
from vmmtools.check.cases import Case, Host

HOST = Host("neoverse-n1", 3, append="hugepages=40")

# Waits until the guest has counted on.
COUNTS = """
counts() {
    last=$(tr -d '\\r' <count | sed -n 's/^count //p' | tail -n 1)
    wait_for grep -q "count $((last + 3))" count
}
"""

# Wherever a snapshot cannot be written, nothing is left of it, and the next one
# is as if there had been none.
UNWRITTEN = COUNTS + """
refused() {
    vmm snapshot create a $1; echo "$1 status $?"
    [ -z "$(ls -A ${1%/*})" ] || fail "something is left: $(ls -A ${1%/*})"
    counts
}
mkdir small fixed
mount -t tmpfs -o size=4M x small; refused small/s; umount small
mount -t tmpfs -o ro x fixed; refused fixed/s; umount fixed
vmm snapshot create a s --paused || fail create
vmm snapshot create a s2 --parent s --stop || fail diff
vmm snapshot verify s2 || fail verify
"""

# The limit is the process' that writes, which is the guest's.
LIMITED = COUNTS + """
vmm snapshot create a s; echo "status $?"
[ -e s ] || [ -e s.partial ] && fail "something is left"
counts
vmm stop --force a
"""

# A target that cannot have the guest says why, and the guest goes on.
UNWANTED = COUNTS + """
rm_socket() { wait_for eval '! kill -0 $received'; rm -f m.sock; }
refuse() {
    "$@" </dev/null >after & received=$!
    wait_for test -S m.sock
    vmm migrate a unix:m.sock; echo "status $?"
    rm_socket
    counts
}
"""

EMPTY_POOL = UNWANTED + """
[ "$(sed -n 's/^HugePages_Free: *//p' /proc/meminfo)" -lt 32 ] || fail pool
refuse vmm receive unix:m.sock --name b
vmm stop --force a
"""

NO_MEMORY = UNWANTED + """
refuse sh -c 'ulimit -v 60000; exec vmm receive unix:m.sock --name b'
vmm stop --force a
"""

# Who may use KVM, but not serve page faults of the kernel.
NO_FAULTS = COUNTS + """
grep -q nobody /etc/passwd || echo nobody:x:65534:65534::/:/bin/sh >>/etc/passwd
echo 0 >/proc/sys/vm/unprivileged_userfaultfd
chmod 666 /dev/kvm; chmod 711 .; mkdir -m 777 theirs
as_nobody() { su -s /bin/sh nobody -c "cd $PWD/theirs && $*"; }
as_nobody vmm receive unix:./m.sock --control ./b.sock </dev/null & received=$!
wait_for test -S theirs/m.sock
vmm migrate a unix:theirs/m.sock --postcopy; echo "status $?"
wait_for eval '! kill -0 $received'
counts
vmm snapshot create a theirs/s --stop || fail create
chown -R nobody theirs
as_nobody vmm restore s --memory lazy --control ./b.sock; echo "lazy status $?"
chmod 600 /dev/kvm
"""


def cases() -> list[Case]:
    """All of them."""
    return [
        Case("snapshot-unwritten", host=HOST, limit=200,
             script=start("--mem 96M") + UNWRITTEN,
             out=("small/s status 1", "fixed/s status"),
             err=("No space left on device", "Read-only file system")),
        Case("snapshot-limited", host=HOST, limit=200,
             script="ulimit -f 8192\n" + start("--mem 96M") + LIMITED,
             out=("status 1",), err=("File too large",)),
        Case("migrate-empty-pool", host=HOST, limit=200,
             script=start("--mem 64M,huge=2M") + EMPTY_POOL,
             out=("status 1",), err=("huge=2M: 32 pages are needed, 8 are "
                                     "free",)),
        Case("migrate-no-memory", host=HOST, limit=200,
             script=start("--mem 96M") + NO_MEMORY,
             out=("status 1",), err=("Cannot allocate memory",)),
        Case("migrate-no-userfaultfd", host=HOST, limit=200,
             script=start("--mem 64M") + NO_FAULTS,
             out=("status 1", "lazy status"),
             err=("grant access to /dev/userfaultfd",)),
    ]
