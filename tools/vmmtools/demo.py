"""tools/demo: boots a real arm64 guest; installs and fetches what it needs."""

import argparse
import shlex
import sys

from vmmtools.arch import find_arch
from vmmtools.base import say, tool_main
from vmmtools.build import Build
from vmmtools.lab import Options, run_lab
from vmmtools.native import native_host

MEMORY = "2G"
KEYS = """\
Try in the guest:  cat /proc/cpuinfo    free -m    cat /proc/interrupts
To leave:          poweroff -f    or Ctrl-a x, which ends vmm
"""
SCRIPT = "uname -a; nproc; free -m"
NEXT = """\
Next:  tools/lab arm64 -i -- sh       a shell on the test host, vmm in its PATH
       tools/lab --help               its kernels, processors, page sizes
       tools/check                    every test
"""


def main() -> int:
    """Build, boot, and say what is going on."""
    parser = argparse.ArgumentParser(
        prog="tools/demo",
        description="Build vmm and boot an arm64 guest with it: on this "
        "machine's KVM if it is an arm64 one, else in an emulated test host. "
        "The guest's shell is on the terminal if there is one.")
    parser.parse_args()
    arch = find_arch("arm64")
    terminal = sys.stdin.isatty()
    say("building vmm")
    Build(arch).make()
    command = ["vmm", "run", "--kernel", "/guest/Image", "--initrd",
               "/guest/initrd", "--mem", MEMORY]
    if not terminal:
        command += ["--cmdline",
                    f"console=ttyS0 panic=-1 quiet run='{SCRIPT}'"]
    options = Options(arch=arch, command=command, mem="3G", smp=2,
                      interactive=terminal, timeout=None if terminal else 300,
                      build=False)
    where = ("on this machine" if native_host(arch)
             else "on an emulated arm64 host with KVM")
    say(f"{where}: {shlex.join(command)}")
    if terminal:
        print(KEYS, file=sys.stderr, flush=True)
    status = run_lab(options)
    if status == 0:
        print(NEXT, file=sys.stderr, end="")
    else:
        say(f"vmm ended with status {status}")
    return status


if __name__ == "__main__":
    tool_main(main)
