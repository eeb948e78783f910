"""A Slurm cluster of this machine alone, with its state in a folder."""

from __future__ import annotations

import os
import pwd
import secrets
import socket
import subprocess
import time
from pathlib import Path

START_S = 300
CONF = """\
ClusterName=vmm
SlurmctldHost={host}(127.0.0.1)
SlurmUser={user}
SlurmdUser={user}
AuthType=auth/munge
AuthInfo=socket={folder}/munge.socket
CredType=cred/munge
SlurmctldPort={ports[0]}
SlurmdPort={ports[1]}
StateSaveLocation={folder}/state
SlurmdSpoolDir={folder}/spool
SlurmctldPidFile={folder}/slurmctld.pid
SlurmdPidFile={folder}/slurmd.pid
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
MpiDefault=none
SelectType=select/cons_tres
SelectTypeParameters=CR_CPU
AccountingStorageType=accounting_storage/none
JobCompType=jobcomp/none
ReturnToService=2
SchedulerParameters=sched_interval=1,batch_sched_delay=0
NodeName={host} NodeAddr=127.0.0.1 CPUs={cpus} RealMemory=64 State=UNKNOWN
PartitionName=main Nodes={host} Default=YES MaxTime=INFINITE State=UP
"""


def free_ports(count: int) -> list[int]:
    """Ports that nothing listens at."""
    sockets = [socket.socket() for _ in range(count)]
    for one in sockets:
        one.bind(("127.0.0.1", 0))
    ports = [one.getsockname()[1] for one in sockets]
    for one in sockets:
        one.close()
    return ports


class Slurm:
    """munged, slurmctld and slurmd, from start() to stop()."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.programs: list[subprocess.Popen[bytes]] = []
        self.env = os.environ | {"SLURM_CONF": f"{folder}/slurm.conf"}

    def start(self) -> None:
        """Starts the daemons; returns when the node takes jobs."""
        host = socket.gethostname().partition(".")[0]
        for name in ("state", "spool"):
            (self.folder / name).mkdir()
        self.folder.chmod(0o755)
        (self.folder / "slurm.conf").write_text(CONF.format(
            folder=self.folder, host=host, cpus=os.cpu_count(),
            user=pwd.getpwuid(os.getuid()).pw_name, ports=free_ports(2)))
        key = self.folder / "munge.key"
        key.write_bytes(secrets.token_bytes(128))
        key.chmod(0o400)
        self.run("munged", "--foreground", "--force", f"--key-file={key}",
                 *(f"--{name}-file={self.folder}/munge.{name}"
                   for name in ("log", "pid", "seed")),
                 f"--socket={self.folder}/munge.socket")
        self.until((self.folder / "munge.socket").exists)
        self.run("slurmctld", "-D")
        self.run("slurmd", "-D")
        self.until(lambda: "idle" in self.call("sinfo", "-h", "-o", "%t"))

    def run(self, name: str, *words: str) -> None:
        """Starts a daemon."""
        with open(self.folder / f"{name}.said", "wb") as said:
            self.programs.append(subprocess.Popen(
                [f"/usr/sbin/{name}", *words], env=self.env, stdout=said,
                stderr=said))

    def until(self, true) -> None:
        """Waits for what a daemon does at its start."""
        end = time.monotonic() + START_S
        while not true():
            if (time.monotonic() > end or
                    any(one.poll() is not None for one in self.programs)):
                raise AssertionError("Slurm did not start:\n" + "".join(
                    file.read_text(errors="replace")
                    for file in self.folder.glob("*.said")))
            time.sleep(0.1)

    def call(self, *words: str, cwd: Path | None = None) -> str:
        """What a command of Slurm's prints."""
        done = subprocess.run(words, env=self.env, cwd=cwd, check=False,
                              capture_output=True, text=True, timeout=120)
        return done.stdout + done.stderr

    def stop(self) -> None:
        """Ends the daemons, and the jobs."""
        for one in reversed(self.programs):
            one.terminate()
            try:
                one.wait(30)
            except subprocess.TimeoutExpired:
                one.kill()
                one.wait()
