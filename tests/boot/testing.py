"""vmm test: a command in a guest of its own, and the status of every end."""

from __future__ import annotations

from boot import artifacts
from vmmtools.check.cases import Case, Host, mips_host
from vmmtools.images import find_kernel

HOST = Host("neoverse-n1", smp=2)
# A kernel's console is slow to emulate.
TEST = ('t() { vmm test --kernel "$IMAGE" --cmdline quiet --boot-timeout 2m '
        '"$@"; }\n')


def case(name: str, script: str, **words: object) -> Case:
    """A case whose script calls t() with what is to be told of the test."""
    return Case(f"test-{name}", host=HOST, script=TEST + script, **words)


def cases() -> list[Case]:
    """All of them."""
    return [
        case("streams-are-apart",
             "echo 'to the guest' | t -- sh -c 'cat; echo err >&2; id -u; "
             "echo >/dev/stderr; exit 7'; echo status $?; "
             "[ \"$(t -- pwd)\" = \"$PWD\" ] && echo here",
             out=("to the guest\n0\nstatus 7\nhere\n",), err=("err\n\n",)),
        case("streams-keep-every-byte",
             "head -c 3000000 /dev/urandom >in; t -- cat <in >out && "
             "cmp in out && echo same",
             out=("same",), quiet=True),
        case("reader-that-goes-ends-the-writer",
             "(t -- yes; echo status $? >&2) | head -n 1",
             out=("y\n",), err=("status 141",)),
        case("status-is-the-signals",
             "t -- sh -c 'kill -9 $$'; echo status $?; "
             "t -- no-such; echo status $?",
             out=("status 137\nstatus 127\n",),
             err=("vmm: no-such: No such file or directory",)),
        case("folders-are-what-was-said",
             "mkdir rw ro; echo host | tee rw/f >ro/f\n"
             "t --rwdir rw --rodir ro=/mnt/ro -- sh -c 'cat rw/f; "
             "echo guest >rw/g; echo no >/mnt/ro/f; echo new >/etc/new; "
             "echo new >here; cat /etc/new'\n"
             "cat rw/g ro/f; ls /etc/new here",
             status=1, out=("host\nnew\nguest\nhost\n",),
             err=("can't create /mnt/ro/f: Read-only file system",
                  "ls: /etc/new: No such file", "ls: here: No such file")),
        case("environment-is-as-asked",
             "A=1 t --user 12:34 -e A -e B=2 --pwd / -- sh -c "
             "'id; echo $A $B $HOME $PWD; hostname; ip addr show lo'",
             out=("uid=12 gid=34\n1 2 / /\nvmm-test\n", "inet 127.0.0.1/8"),
             quiet=True),
        case("initrd-is-the-root",
             "t --initrd \"$INITRD\" -- sh -c 'ls -d /lab; "
             "ls /sys/bus/virtio/devices | wc -l; pwd'",
             status=0, out=("1\n/\n",), err=("ls: /lab: No such file",)),
        case("background-does-not-hold-the-end",
             "t -- sh -c 'sleep 1000 & echo out'; echo status $?",
             out=("out\nstatus 0\n",), quiet=True),
        case("panic-is-told",
             "t --out o -- sh -c 'echo c >/proc/sysrq-trigger'; "
             "echo status $?; grep -c 'Kernel panic' o/console",
             out=("status 121\n1\n",),
             err=("vmm test: the kernel's report:", "sysrq triggered crash",
                  "vmm test: the guest's kernel panicked\n")),
        case("report-fails-what-passed",
             "w='echo WARNING: of a test >/dev/kmsg; echo passed'\n"
             "t -- sh -c \"$w\"; echo status $?; "
             "t --ignore-warnings -- sh -c \"$w\"; echo status $?",
             out=("passed\nstatus 120\npassed\nstatus 0\n",),
             err=("WARNING: of a test",
                  "the command passed, but the kernel reported 1 fault\n")),
        case("guest-that-goes-is-told",
             "t -- reboot -f; echo status $?; t -- poweroff -f; "
             "echo status $?",
             out=("status 122\nstatus 122\n",),
             err=("restarted without telling the command's status",
                  "ended without telling the command's status")),
        case("limits-are-kept",
             "t --timeout 20s -- sleep 1000; echo status $?; "
             "t --boot-timeout 10ms -- true; echo status $?",
             out=("status 124\nstatus 123\n",),
             err=("--timeout passed", "within --boot-timeout")),
        case("no-boot-is-told-with-its-reason",
             "t --pwd /no-such -- true; echo status $?; "
             "vmm test --kernel /no-such -- true; echo status $?; "
             "vmm test -- true; echo status $?",
             out=("status 123\nstatus 125\nstatus 125\n",),
             err=("the command was not started: /no-such: No such file",
                  "Unable to open kernel /no-such", "nothing to boot")),
        case("terminal-is-the-guests",
             "k='vmm test --kernel $IMAGE --cmdline quiet'\n"
             "on_pty size 100x30 expect '# ' send 'stty size; tty; exit 5\\n' "
             "expect '30 100' expect /dev/pts/ status 5 same -- $k >out || "
             "cat out\n"
             "on_pty expect '# ' send '\\x01x' status 130 same -- $k >out || "
             "cat out; rm out; echo done",
             out=("done\n",), quiet=True),
        case("many-runs-are-one-report",
             "t --mem 256M --mem 384M --repeat 2 -j 2 --out o --junit r.xml "
             "--tap -- sh -c 'echo says; read _ n _ </proc/meminfo; "
             "test $n -lt 300000' >tap; echo status $?\n"
             "head -n 2 tap; grep -c '^ok' tap; grep -c '^not ok' tap; "
             "grep -c '<testcase' r.xml; "
             "grep -c '<failure type=.status-1.' r.xml; ls -d o/*-*; "
             "cat o/003-Image-m384M-1/stdout; tail -n 1 tap",
             out=("status 1\nTAP version 13\n1..4\n2\n2\n4\n2\n"
                  "o/001-Image-m256M-1\no/002-Image-m256M-2\n"
                  "o/003-Image-m384M-1\no/004-Image-m384M-2\nsays\n"
                  "# 2 passed, 2 failed, 0 not run\n",), quiet=True),
        case("many-runs-end-with-a-signal",
             "vmm test --kernel \"$IMAGE\" --out o --junit r.xml --repeat 3 "
             "-- sleep 1000 >out & pid=$!\n"
             "wait_for test -s o/001-Image-1/console; kill $pid; wait $pid; "
             "echo status $?; cat out; grep -c '<skipped message=.not run' r.xml",
             out=("status 143\n0 passed, 0 failed, 3 not run\n3\n",),
             quiet=True),
        case("files-are-fetched",
             "mkdir -p d/sub; echo a >d/a; echo b >d/sub/b; ln -s a d/link\n"
             "ln -s d/a l; mkfifo d/fifo\n"
             "t --out o --fetch d --fetch l --fetch /tmp/t --fetch no --user 9 "
             "-- sh -c 'echo new >/tmp/t; exit 4'; echo status $?\n"
             "cd o/artifacts; find . -type f | sort; find . -type l; "
             "cat l tmp/t d/sub/b",
             out=("status 4\n./d/a\n./d/sub/b\n./l\n./tmp/t\na\nnew\nb\n",),
             err=("not fetched: no: No such file or directory",)),
        case("console-is-driven",
             "printf 'cases:\\n- name: a\\n  expect:\\n"
             "  - {expect: \"/ # \"}\\n  - {send: \"echo $((6*7))\\\\n\"}\\n"
             "  - {expect: ^42$}\\n' >c.yaml\n"
             "vmm test --kernel \"$IMAGE\" --initrd \"$INITRD\" --cmdline "
             "'rdinit=/bin/sh quiet' --out o c.yaml >t; echo status $?; "
             "grep -c '^42' o/a/stdout; "
             "vmm test --kernel \"$IMAGE\" --initrd \"$INITRD\" --cmdline "
             "'rdinit=/bin/sh quiet' --expect '/ # ' --send \"$(printf "
             "'exit\\n.')\" --expect never >out; echo status $?",
             out=("status 0\n1\nstatus 121\n",),
             err=("the guest's kernel panicked",)),
        spec_case(),
        modules_case(),
        *mips_cases(),
    ]


def spec_case() -> Case:
    """A file of cases, in two parts of which one report is made."""
    return case(
        "cases-of-a-file",
        "cat >c.yaml <<'END'\n"
        "defaults: {cmdline: quiet, boot-timeout: 2m, mem: 256M}\n"
        "cases:\n"
        "  - name: says\n"
        "    command: echo $A; echo err >&2; uname -m\n"
        "    env: {A: 1}\n"
        "    stdout: {has: ['^1$', aarch64], lacks: err}\n"
        "    stderr: {has: err}\n"
        "  - name: panics\n"
        "    command: echo c >/proc/sysrq-trigger\n"
        "    status: 121\n"
        "    console: {has: 'sysrq triggered cras[h]'}\n"
        "  - name: cpus\n"
        "    command: test $(nproc) = 1\n"
        "    matrix: {cpus: [1, 2]}\n"
        "    retries: 1\n"
        "  - name: elsewhere\n"
        "    command: 'true'\n"
        "    needs: {arch: mips}\n"
        "END\n"
        "for i in 1 2; do vmm test --kernel \"$IMAGE\" --out o$i --shard $i/2 "
        "-j 2 c.yaml >t$i; echo status $?; done\n"
        "vmm test --merge --out all --junit r.xml o*/report.jsonl >m; "
        "echo status $?; sed 's/[0-9]*[.][0-9]* s/T/' m | sort; "
        "grep -c '<testcase' r.xml; ls -d o*/cpus*; "
        "vmm test --kernel \"$IMAGE\" --list --shard 1/5 --times "
        "all/report.jsonl c.yaml | wc -l",
        out=("status 0\nstatus 1\nstatus 1\n"
             "3 passed, 1 failed, 0 not run, 1 skipped\n"
             "FAIL cpus-c2 (T, try 2, status 1)\npass cpus-c1 (T)\n"
             "pass panics (T)\npass says (T)\n"
             "skip elsewhere (it is not for arm64)\n"
             "5\no1/cpus-c1\no2/cpus-c2\no2/cpus-c2~2\n1\n",),
        quiet=True)


def modules_case() -> Case:
    """Debian's kernel, which has virtio by MMIO as a module."""
    kernel = find_kernel(artifacts.ARM64, "debian").get()
    module = "00-virtio_mmio.ko"
    return Case(
        "test-modules-are-loaded", host=Host("max", mem="2G", guest="debian"),
        files=((kernel.parent / "modules" / module, f"/lab/debian/{module}"),),
        script="mkdir m\n"
               f"cp /lab/debian/{module} m/virtio-mmio.ko; "
               "gzip m/virtio-mmio.ko\n"
               "echo virtio-mmio.ko.gz: >m/modules.dep\n"
               "t() { vmm test --kernel \"$IMAGE\" --initrd \"$INITRD\" "
               "--mem 1G --boot-timeout 2m \"$@\"; echo status $?; }\n"
               "t --modules m -- grep -o '^virtio_mmio ' /proc/modules\n"
               "t -- true",
        out=("virtio_mmio \nstatus 0\nstatus 123\n",),
        err=("this kernel has no virtio console with ports",))


def mips_cases() -> list[Case]:
    """Those of MIPS, whose guest kernel has no virtio-fs."""
    return [
        Case("test-mips-initrd", host=mips_host(),
             script="echo in | vmm test --kernel \"$IMAGE\" --initrd "
                    "\"$INITRD\" --mem 64M -- sh -c 'cat; echo err >&2; "
                    "uname -m; exit 7'; echo status $?; "
                    "vmm test --kernel \"$IMAGE\" --mem 64M -- true; "
                    "echo status $?",
             out=("in\nmips\nstatus 7\nstatus 123\n",),
             err=("err\n", "this kernel has no virtiofs (CONFIG_VIRTIO_FS)")),
        Case("test-mips-console", host=mips_host(),
             script="printf 'cases:\\n- name: a\\n  expect:\\n"
                    "  - {expect: \"/ # \"}\\n"
                    "  - {send: \"echo $((6*7))\\\\n\"}\\n"
                    "  - {expect: ^42$}\\n' >c.yaml\n"
                    "vmm test --kernel \"$IMAGE\" --initrd \"$INITRD\" "
                    "--mem 64M --cmdline 'rdinit=/bin/sh quiet' --out o "
                    "c.yaml >t; echo status $?; grep -c '^42' o/a/stdout",
             out=("status 0\n1\n",), quiet=True),
    ]
