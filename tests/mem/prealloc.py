"""Memory that is taken before the guest starts, where there is little of it."""

from __future__ import annotations

from vmmtools.check.cases import Case, Host

HOST = Host(mem="2G")


def cases() -> list[Case]:
    """All of them."""
    return [Case("prealloc-group", host=HOST, script="""
group=/sys/fs/cgroup/tight
echo +memory >/sys/fs/cgroup/cgroup.subtree_control
mkdir -p $group/in
echo 100M >$group/memory.max
echo 0 >$group/in/cgroup.procs || fail "no cgroup"
guest true --mem 256M,prealloc
status=$?
guest 'echo it fits' --mem 64M,prealloc
echo 0 >/sys/fs/cgroup/cgroup.procs
[ $status -eq 1 ] || fail "status $status"
""", out=("it fits",), err=(
        "prealloc=on: 256 MiB are asked for, of the 100 MiB of control group "
        "/tight (memory.max) ",))]
