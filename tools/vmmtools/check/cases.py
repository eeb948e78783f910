"""Cases that run on test hosts: many in one host, several hosts at a time.

A case is a piece of shell with what must come of it. tests/boot/run.sh runs
the cases there and tells what came; here it is judged.
"""

from __future__ import annotations

import math
import re
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from vmmtools.arch import find_arch
from vmmtools.base import SOURCE_ROOT
from vmmtools.check.context import Context
from vmmtools.check.process import Ended, at_once, call
from vmmtools.check.report import only
from vmmtools.lab import TEST_GUEST
from vmmtools.native import native_host

SKIP_STATUS = 77
KILLED = "137"
UNLOCKED = "this kernel has no file locks (CONFIG_FILE_LOCKING)"
"""A warning that is right on hosts without: only cases about it expect it."""
HOST_SECONDS = 90
"""For the host itself, beside what its cases may take."""
PIECE = 16
"""So many cases of one kind of host run in one boot of it: then no processor
has nothing to do while another has a long list."""

File = tuple[Path, str]
"""What is put into a host, and where."""


@dataclass(frozen=True)
class Host:
    """A test host, in tools/lab's words; the plain one may be native."""

    cpu: str = "neoverse-n1"
    gic: int = 3
    page: str = "4k"
    smp: int = 1
    mem: str = "1G"
    guest: str = TEST_GUEST["arm64"]
    append: str = ""
    arch: str = "arm64"

    def words(self) -> list[str]:
        """The options of tools/lab."""
        words = ["--mem", self.mem, "--guest", self.guest]
        # Any of the others makes an arm64 machine emulate its own kind.
        plain = Host() if self.arch == "arm64" else mips_host()
        for name in ("cpu", "gic", "page", "smp", "append"):
            # For another GIC, tools/lab would choose a processor by itself.
            named = name == "cpu" and self.gic != plain.gic
            if named or getattr(self, name) != getattr(plain, name):
                words += [f"--{name}", str(getattr(self, name))]
        return words

    @property
    def has_locks(self) -> bool:
        """True if its kernel has file locks: mini-64k is the one without."""
        return self.page != "64k"

    def __str__(self) -> str:
        gic = f"gic{self.gic}" if self.gic else self.arch
        return f"{self.cpu}-{gic}-{self.page}"


def mips_host(**words: Any) -> Host:
    """A test host of MIPS."""
    plain = {"cpu": "24Kf", "gic": 0, "mem": "512M",
             "guest": TEST_GUEST["mips"], "arch": "mips"}
    return Host(**{**plain, **words})


@dataclass(frozen=True)
class Case:
    """One test: what is run, and what must come of it."""

    name: str
    script: str
    status: int = 0
    out: tuple[str, ...] = ()
    """All of these stand in what it writes to its standard output."""
    out_lacks: tuple[str, ...] = ()
    err: tuple[str, ...] | None = None
    """All of these stand in its standard error; None: whatever is there."""
    quiet: bool = False
    """The standard error is empty."""
    sentence: bool = False
    """The standard error is one line, and the standard output is empty."""
    limit: int = 240
    """Seconds; far more than it takes, as the machine may be busy."""
    host: Host = field(default_factory=Host)
    files: tuple[File, ...] = ()


@dataclass
class Came:
    """What came of a case."""

    name: str
    out: list[str] = field(default_factory=list)
    err: list[str] = field(default_factory=list)
    left: list[str] = field(default_factory=list)
    status: str = ""
    seconds: float = 0


END = re.compile(r"@end (\S+) (\S+) ([\d.]+) ([\d.]+)$")


def read_results(text: str) -> dict[str, Came]:
    """What run.sh says; a case that did not come to its end has no status."""
    found: dict[str, Came] = {}
    came = Came("")
    for line in text.splitlines():
        line = line.rstrip("\r")
        if line.startswith("@begin "):
            came = found.setdefault(line[7:], Came(line[7:]))
        elif line.startswith("o|"):
            came.out.append(line[2:])
        elif line.startswith("e|"):
            came.err.append(line[2:])
        elif line.startswith("@left "):
            came.left.append(line[6:])
        elif match := END.match(line):
            came.status = match[2]
            came.seconds = float(match[4]) - float(match[3])
    return found


def faults(case: Case, came: Came) -> list[str]:
    """What is not as it must be, a sentence each."""
    wrong = []
    expected = any(UNLOCKED in text for text in case.err or ())
    if not case.host.has_locks and not expected:
        came = replace(came, err=[line for line in came.err
                                  if UNLOCKED not in line])
    out, err = ("".join(f"{line}\n" for line in said)
                for said in (came.out, came.err))
    if came.status == KILLED and came.seconds >= case.limit:
        wrong.append(f"it did not end within {case.limit} s")
    elif came.status != str(case.status):
        wrong.append(f"expected status {case.status}, got "
                     f"{came.status or 'none: the host ended'}")
    wrong += [f"expected on stdout: {text}" for text in case.out
              if text not in out]
    wrong += [f"not expected on stdout: {text}" for text in case.out_lacks
              if text in out]
    wrong += [f"expected on stderr: {text}" for text in case.err or ()
              if text not in err]
    if case.quiet and err.strip():
        wrong.append("expected nothing on stderr")
    if case.sentence:
        if out.strip():
            wrong.append("expected nothing on stdout")
        if len(err.strip().splitlines()) != 1:
            wrong.append("expected one line on stderr")
    wrong += [f"left behind: {what}" for what in came.left]
    return wrong


def judge(context: Context, case: Case, came: Came | None,
          host_said: str) -> None:
    """Count a case."""
    report = context.report
    if came is None or not came.status:
        said = came.out + came.err if came else []
        report.failed(case.name, "\n".join(
            ["the host ended before this case did", *said, "--- the host",
             *host_said.splitlines()[-20:]]), only(case.name))
        return
    if came.status == str(SKIP_STATUS) and came.out:
        report.skipped(case.name, came.out[-1].removeprefix("skip: "))
        return
    wrong = faults(case, came)
    if not wrong:
        report.passed(case.name, f"{came.seconds:.1f} s")
        return
    report.failed(case.name, "\n".join(
        [f"--- on {case.host}:", case.script.strip(),
         "--- stdout:", *came.out, "--- stderr:", *came.err,
         "---", *wrong]), only(case.name))


def pieces(cases: Sequence[Case]) -> list[list[Case]]:
    """What runs in one boot of a host each, the longest first.

    A machine that is itself the host of an architecture is one host only.
    """
    groups: dict[Host, list[Case]] = {}
    for case in cases:
        groups.setdefault(case.host, []).append(case)
    found = []
    for host, group in groups.items():
        alone = native_host(find_arch(host.arch))
        count = 1 if alone else math.ceil(len(group) / PIECE)
        # Those that take long stand beside each other: deal them out.
        found += [group[first::count] for first in range(count)]
    return sorted(found, key=len, reverse=True)


def run_cases(context: Context, cases: Sequence[Case],
              files: Sequence[File]) -> None:
    """Run cases, those of one host together; `files` are put into each."""
    cases = [case for case in cases if context.wants(case.name)]
    names = [case.name for case in cases]
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise ValueError(f"cases of one name: {', '.join(sorted(twice))}")

    def run(group: list[Case]) -> None:
        ended = run_host(context, group, files)
        came = read_results(ended.text)
        for case in group:
            judge(context, case, came.get(case.name), ended.text)

    at_once(context.jobs, run, pieces(cases))


def run_host(context: Context, group: Sequence[Case],
             files: Sequence[File]) -> Ended:
    """Run the cases of one host in it."""
    host = group[0].host
    wanted = dict.fromkeys([*files, *(file for case in group
                                      for file in case.files)])
    limit = HOST_SECONDS + sum(case.limit for case in group)
    with tempfile.TemporaryDirectory(prefix="vmm-check.") as name:
        folder = Path(name)
        for case in group:
            (folder / case.name).write_text(
                f"# limit {case.limit}\n{case.script}\n")
        words: list[str | Path] = [
            SOURCE_ROOT / "tools" / "lab", host.arch, *host.words(),
            "--no-build", "--timeout", str(limit)]
        for source, target in [*wanted, (folder, "/lab/cases")]:
            words += ["--file", f"{source}:{target}"]
        words += ["--", "sh", "/lab/boot/run.sh", "/lab/cases"]
        return call(words, limit=limit + HOST_SECONDS, report=context.report)
