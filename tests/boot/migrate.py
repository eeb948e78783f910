"""Linux guests that move from one vmm to another while they run."""

from __future__ import annotations

from vmmtools.check.cases import Case, Host

from boot.saved import START

HOST = Host("neoverse-n1", 3)

# Moves the guest `a` to another process of its name, whose output is `after`.
MOVE = """
receive() {{
    timeout 60 vmm receive "$@" </dev/null >after & received=$!
}}
goes_on() {{
    last=$(tr -d '\\r' <count | sed -n 's/^count //p' | tail -n 1)
    wait_for grep -q "count $((last + 5))" after
    first=$(tr -d '\\r' <after | sed -n 's/^count //p' | head -n 1)
    [ "$first" -le $((last + 1)) ] || fail "counted $last, then $first"
    for i in 1 2 3; do grep -q "count $((last + i))" after || fail "no $i"; done
    echo goes on
}}
"""

def start(words: str) -> str:
    """A guest that counts, and what there is to move it."""
    return START.format(words=words) + MOVE.format()


def cases() -> list[Case]:
    """All of them."""
    return [
        Case("migrate-goes-on", host=HOST, limit=300,
             script=start("--mem 96M") + """
vmm receive --name b >none 2>&1; echo "status $?"
receive unix:m.sock
wait_for test -S m.sock
vmm migrate a unix:m.sock || fail migrate
goes_on
vmm list | grep -q '^a ' || fail "its name is gone"
vmm stop --force a; wait_for eval '! kill -0 $received'
! test -e m.sock || fail "the socket is left"
""", out=("status 2", "goes on", "a: moved")),
        # By way of a shell, two pipes, and programs that splice.
        Case("migrate-by-a-command", host=HOST, limit=300,
             script=start("--mem 96M") + """
mkfifo there back
receive --name b 'exec:cat <there & exec cat >back'
vmm migrate a 'exec:cat <back & exec cat >there' || fail migrate
goes_on
vmm stop --force b; wait_for eval '! kill -0 $received'
""", out=("goes on", "a: moved")),
    ]
