"""Shared folders: what a guest sees, does, and cannot do."""

from __future__ import annotations

from vmmtools.check.cases import Case, Host

HOST = Host("neoverse-n1", smp=2)

# The guest's script lies in the folder: a command line holds less.
MOUNT = "mount -t virtiofs share /mnt && sh /mnt/run.sh"
ON_HOST = "sum() { (cd $1 && find . -type f | sort | xargs md5sum | md5sum); }\n"


def share(script: str, options: str = "", before: str = "",
          after: str = "") -> str:
    """A guest that runs `script` from the folder it has mounted."""
    return (f"mkdir shared\n{before}cat >shared/run.sh <<'END'\ncd /mnt\n"
            f"{script}\nEND\n"
            f"guest 'mkdir -p /mnt; {MOUNT}' --mem 256M "
            f"--share shared{options}\n{after}")


# Two files stay open, one of which is read on and one written on, in a guest
# that goes on from a snapshot, then in another process.
SAVED = """mkdir shared; seq 100000 >shared/lines; cat >shared/run.sh <<'END'
exec 5>>/mnt/out 6</mnt/lines
i=0
while read line <&6; do
    i=$((i+1)); echo $i $line >&5; echo count $i; sleep 0.2
done
END
counts_on() {
    wait_for eval '[ $(wc -l <shared/out) -ge '$(($(wc -l <shared/out) + 5))' ]'
    awk '$1 != NR || $2 != NR { exit 1 }' shared/out ||
        fail "$(tail -n 20 shared/out)"
}
guest 'mkdir -p /mnt; mount -t virtiofs share /mnt && sh /mnt/run.sh' --name a \\
    --terminal socket --mem 96M --share shared,rw & began=$!
wait_for test -s shared/out
counts_on
vmm snapshot create a s --stop || fail create
wait_for eval '! kill -0 $began'
vmm restore s --name b --terminal socket & restored=$!
counts_on; echo restored
vmm receive unix:m.sock --name c --terminal socket & moved=$!
wait_for test -S m.sock
vmm migrate b unix:m.sock >told 2>&1 || fail "$(cat told)"
wait $restored
counts_on; echo migrated
rm shared/lines
vmm snapshot create c t 2>said && fail it is saved
cat said
counts_on
vmm stop --force c; wait $moved
"""

TREE = """mkdir tree
for i in $(seq 10); do
    mkdir -p tree/d$i/e
    for j in $(seq 25); do
        echo $i $j $(seq $j) >tree/d$i/file-$j
    done
    ln -s ../file-1 tree/d$i/e/link
    head -c 100000 /dev/urandom >tree/d$i/e/large
done
tar cf shared/tree.tar tree
"""


def cases() -> list[Case]:
    """All of them."""
    return [
        Case("share-is-written", host=HOST, quiet=True,
             script=share(
                 "ls -ln | grep run.sh; echo text >a; mkdir d; mv a d/b; "
                 "ln d/b d/c; ln -s c d/l; cat d/l; mkfifo p; chmod 640 d/b\n"
                 "exec 5<d/b; rm d/b d/c; read x <&5; echo unlinked $x; "
                 "exec 5<&-; stat -c %n:%a:%u d; dd if=/dev/zero of=big bs=64k "
                 "count=64 2>/dev/null; stat -c size:%s big; truncate -s 5 big; "
                 "sync; df . | tail -n 1 | cut -d' ' -f1",
                 ",rw", after="ls -lR shared; stat -c '%s bytes' shared/big"),
             out=("    1 0        0", "text\nunlinked text\nd:755:0\n"
                  "size:4194304\nshare\nrun: exit 0", "l -> c", "p\n",
                  "5 bytes")),
        Case("share-is-read-only-unless-told", host=HOST, quiet=True,
             script=share(
                 "cat a; echo b >a; rm a; mkdir d; touch a; cat a; "
                 "mount -o remount,rw /mnt; echo b >a; ls",
                 before="echo text >shared/a\n",
                 after="ls shared; cat shared/a"),
             out=("text\n/mnt/run.sh: line 2: can't create a: Read-only "
                  "file system",
                  "mkdir: can't create directory 'd': Read-only file system",
                  "run: exit 0", "a\nrun.sh\ntext\n")),
        Case("share-ends-at-its-folder", host=HOST, quiet=True,
             script=share(
                 "cat link; cat up/secret; ls ../..; cat <pipe & "
                 "echo from-the-guest >pipe; wait; cat sub/../../secret",
                 ",rw",
                 before="echo host-only >secret\nln -s $PWD/secret shared/link\n"
                        "ln -s .. shared/up; mkfifo shared/pipe; "
                        "mkdir shared/sub\n"),
             # The guest's pipe is its own, by the host's name.
             out=("from-the-guest", "run: exit 1"), out_lacks=("host-only",)),
        Case("share-keeps-a-tree", host=HOST, limit=240, quiet=True,
             script=ON_HOST + share(
                 "tar xf tree.tar && mv tree moved && cp -a moved copy && "
                 "diff -r moved copy && echo same && rm -r copy && "
                 "find moved -type f | wc -l", ",rw",
                 before=TREE,
                 after="[ \"$(sum tree)\" = \"$(sum shared/moved)\" ] || "
                       "fail the tree differs\n[ -e shared/copy ] && "
                       "fail a copy is left\necho the same on the host"),
             out=("same\n260\nrun: exit 0", "the same on the host")),
        Case("share-has-two-folders", host=HOST, quiet=True,
             script="mkdir one two; echo 1 >one/f; echo 2 >two/f\n"
                    "guest 'mkdir /a /b; mount -t virtiofs one /a; "
                    "mount -t virtiofs two /b; cat /a/f /b/f; echo new >/b/g; "
                    "echo new >/a/g' --mem 256M --share one,tag=one "
                    "--share two,tag=two,rw; cat two/g; ls one",
             out=("1\n2\n", "new\nf\n")),
        Case("share-is-saved", host=HOST, quiet=True, script=SAVED,
             out=("restored\nmigrated\n",
                  "--share: the guest has 'lines (deleted)' open, which has "
                  "no name in the folder any more")),
        Case("share-of-no-folder", host=HOST, status=2, sentence=True,
             script="touch f; guest true --mem 128M --share f",
             err=("--share: f: not a folder",)),
    ]
