"""Runs a lab command on this machine, when it is a test host itself.

The command sees what it would see in an emulated host: the same files at the
same paths. They are unpacked into a folder that becomes the root of a private
mount and process namespace; /dev, /sys and the network are this machine's.
"""

from __future__ import annotations

import os
import signal
import subprocess
import tempfile
from pathlib import Path

from vmmtools.arch import Arch
from vmmtools.base import Failure, say
from vmmtools.cpio import Cpio
from vmmtools.session import Ended, end_by_signal

ENTER = """\
root=$1 busybox=$1/bin/busybox
shift
for folder in dev sys; do
	$busybox mount -o rbind /$folder "$root/$folder" || exit 125
done
# A container may not let us mount a new one.
$busybox mount -t proc proc "$root/proc" 2>/dev/null ||
	$busybox mount -o rbind /proc "$root/proc" || exit 125
$busybox mount -t tmpfs tmpfs "$root/tmp" || exit 125
export PATH=/bin:/sbin:/usr/bin:/usr/sbin HOME=/root
# As the first process of its namespace a command could not be killed.
$busybox chroot "$root" /bin/sh -c 'cd /lab && exec "$@"' sh "$@"
exit $?
"""


def native_host(arch: Arch) -> bool:
    """True if this machine is of the architecture and has a usable KVM."""
    return arch.native and os.access("/dev/kvm", os.R_OK | os.W_OK)


def enter_command(root: Path, command: list[str]) -> list[str]:
    """The command line that runs `command` in the tree `root`."""
    words = ["unshare", "--mount", "--propagation", "private", "--pid",
             "--fork", "--kill-child"]
    if os.geteuid() != 0:
        words += ["--user", "--map-root-user"]
    return [*words, str(root / "bin/busybox"), "sh", "-c", ENTER, "lab",
            str(root), *command]


def run_native(tree: Cpio, command: list[str], *, interactive: bool,
               timeout: float | None) -> int:
    """Run a command in a tree; its status, or 124 when the time has passed."""
    with tempfile.TemporaryDirectory(prefix="vmm-lab.") as folder:
        root = Path(folder)
        tree.extract(root)
        with end_by_signal():
            process: subprocess.Popen[bytes] | None = None
            try:
                process = subprocess.Popen(
                    enter_command(root, command),
                    stdin=None if interactive else subprocess.DEVNULL,
                    start_new_session=not interactive)
                status = process.wait(timeout)
            except Ended as end:
                return end.status
            except subprocess.TimeoutExpired:
                say(f"time limit of {timeout:g} s passed")
                return 124
            except FileNotFoundError as error:
                raise Failure("unshare: not installed", 125) from error
            finally:
                if process and process.poll() is None:
                    # --kill-child ends all that runs in the namespace.
                    process.send_signal(signal.SIGKILL)
                    process.wait()
    return status if status >= 0 else 128 - status
