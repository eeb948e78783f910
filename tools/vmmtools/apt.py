"""An apt of our own per architecture; the system's own is only read.

It fetches packages of any architecture and suite into the cache. Mirrors,
keys, proxies and credentials are those the system's apt is set up with.
"""

from __future__ import annotations

import re
import shutil
import subprocess
import tempfile
import time
from dataclasses import dataclass, replace
from functools import cmp_to_key
from pathlib import Path

from vmmtools.arch import Arch
from vmmtools.base import (Failure, cache_dir, locked, output, run, say,
                           write_if_changed)

ETC_APT = Path("/etc/apt")
KEYRING = Path("/usr/share/keyrings/debian-archive-keyring.gpg")
LISTS_AGE = 24 * 3600


@dataclass(frozen=True)
class Mirror:
    """Where the system gets one of Debian's archives from."""

    uri: str
    suite: str
    signed_by: str


def parse_deb822(text: str) -> list[Mirror]:
    """The mirrors in a .sources file."""
    found = []
    for stanza in re.split(r"\n\s*\n", text):
        lines = [line for line in stanza.splitlines()
                 if not line.startswith("#")]
        fields: dict[str, str] = {}
        last = ""
        for line in lines:
            if line[:1] in (" ", "\t"):
                fields[last] = f"{fields.get(last, '')}\n{line}"
                continue
            key, colon, value = line.partition(":")
            if colon:
                last = key.strip().lower()
                fields[last] = value.strip()
        if fields.get("enabled", "yes").lower() in ("no", "false", "0"):
            continue
        if "deb" not in fields.get("types", "").split():
            continue
        key = fields.get("signed-by", "")
        for uri in fields.get("uris", "").split():
            for suite in fields.get("suites", "").split():
                found.append(Mirror(uri, suite, key if "\n" not in key else ""))
    return found


def parse_list(text: str) -> list[Mirror]:
    """The mirrors in a one-line-style .list file."""
    found = []
    line_form = re.compile(r"^deb\s+(?:\[([^]]*)\]\s+)?(\S+)\s+(\S+)\s+\S")
    for line in text.splitlines():
        match = line_form.match(line.strip())
        if match:
            key = re.search(r"signed-by=(\S+)", match[1] or "")
            found.append(Mirror(match[2], match[3], key[1] if key else ""))
    return found


def system_mirrors(etc: Path = ETC_APT) -> list[Mirror]:
    """All mirrors the system's apt knows; cdroms are left out."""
    files = [etc / "sources.list", *sorted(etc.glob("sources.list.d/*"))]
    found: list[Mirror] = []
    for file in files:
        if file.suffix == ".sources":
            found += parse_deb822(file.read_text())
        elif file.suffix == ".list" and file.is_file():
            found += parse_list(file.read_text())
    return [mirror for mirror in found if not mirror.uri.startswith("cdrom")]


DEBIAN_SUITES = ("bullseye", "bookworm", "trixie", "forky", "sid", "stable",
                 "oldstable", "testing", "unstable")


def mirror_for(suite: str, mirrors: list[Mirror]) -> Mirror:
    """The system's mirror that has `suite`, of whatever suite it is used for.

    A security suite lives in the security archive; all others, updates and
    backports included, live in the main one.
    """
    def of_security(name: str) -> bool:
        return name.endswith("-security") or "/updates" in name

    key = str(KEYRING) if KEYRING.exists() else ""
    debian = [mirror for mirror in mirrors
              if re.split(r"[-/]", mirror.suite)[0] in DEBIAN_SUITES]
    for mirror in debian:
        if of_security(mirror.suite) == of_security(suite):
            return Mirror(mirror.uri, suite, mirror.signed_by or key)
    for mirror in debian:
        # Set up without security updates: mirrors keep both side by side.
        uri = mirror.uri.rstrip("/")
        if uri.endswith("/debian"):
            return Mirror(f"{uri}-security", suite, mirror.signed_by or key)
    raise Failure(f"no mirror of Debian's {suite} can be told from {ETC_APT}")


class PrivateApt:
    """apt for one architecture, with lists, cache and status of its own; of
    binary packages, or of source packages alone."""

    def __init__(self, arch: Arch, suites: tuple[str, ...] = (), *,
                 source: bool = False) -> None:
        self.arch = arch
        self.kind = "deb-src" if source else "deb"
        self.suites = suites or (
            arch.suite, f"{arch.suite}-security", arch.headers_suite)
        self.root = cache_dir("apt", f"{arch.name}-{'+'.join(self.suites)}"
                              + ("-sources" if source else ""))
        self.lock = self.root / "lock"
        self.config = self.root / "apt.conf"
        self._set_up()

    def _set_up(self) -> None:
        for folder in ("state/lists/partial", "cache/archives/partial", "etc"):
            (self.root / folder).mkdir(parents=True, exist_ok=True)
        (self.root / "state/status").touch()
        mirrors = system_mirrors()
        lines = []
        for suite in self.suites:
            mirror = mirror_for(suite, mirrors)
            key = f"[signed-by={mirror.signed_by}] " if mirror.signed_by else ""
            lines.append(f"{self.kind} {key}{mirror.uri} {suite} main\n")
        debian = self.arch.debian
        write_if_changed(self.config, f"""\
Dir::State "{self.root}/state";
Dir::State::status "{self.root}/state/status";
Dir::Cache "{self.root}/cache";
Dir::Etc::sourcelist "{self.root}/etc/sources.list";
Dir::Etc::sourceparts "/dev/null";
Dir::Etc::preferences "/dev/null";
Dir::Etc::preferencesparts "/dev/null";
APT::Architecture "{debian}";
#clear APT::Architectures;
APT::Architectures {{ "{debian}"; }};
APT::Sandbox::User "root";
Acquire::Languages "none";
Acquire::Retries "3";
#clear APT::Update::Pre-Invoke;
#clear APT::Update::Post-Invoke;
#clear APT::Update::Post-Invoke-Success;
""")
        if write_if_changed(self.root / "etc/sources.list", "".join(lines)):
            (self.root / "updated").unlink(missing_ok=True)

    def _apt(self, tool: str, *words: str) -> list[str]:
        return [tool, "-c", str(self.config), "-qq", *words]

    def update(self, *, force: bool = False) -> None:
        """Fetch the package lists unless they are of today."""
        stamp = self.root / "updated"
        with locked(self.lock):
            fresh = (stamp.exists()
                     and time.time() - stamp.stat().st_mtime < LISTS_AGE)
            if fresh and not force:
                return
            say(f"fetching Debian's package lists for {self.arch.debian}")
            run(self._apt("apt-get", "update"), quiet=True)
            stamp.touch()

    def newest(self, pattern: str) -> str:
        """The package of the newest version whose name matches `pattern`.

        The pattern is a regular expression for the whole name, for packages
        that carry a version in it, as kernels do.
        """
        self.update()
        names = output(self._apt("apt-cache", "pkgnames")).split()
        names = [name for name in names if re.fullmatch(pattern, name)]
        if not names:
            raise Failure(f"no Debian package is called {pattern}")

        def compare(left: str, right: str) -> int:
            done = subprocess.run(
                ["dpkg", "--compare-versions", left, "lt", right], check=False)
            return -1 if done.returncode == 0 else 1

        return max(names, key=cmp_to_key(compare))

    def versions(self, package: str) -> list[str]:
        """The versions of a package on offer, newest first."""
        self.update()
        rows = output(self._apt("apt-cache", "madison", package)).splitlines()
        return list(dict.fromkeys(row.split("|")[1].strip() for row in rows))

    def fetch(self, packages: list[str], folder: Path) -> list[Path]:
        """Download packages (NAME, NAME=VERSION, NAME/SUITE) into `folder`."""
        self.update()
        folder.mkdir(parents=True, exist_ok=True)
        command = self._apt("apt-get", "download", *packages)
        try:
            run(command, cwd=folder, quiet=True)
        except Failure:
            # The lists may be older than the archive: what they name is gone.
            self.update(force=True)
            run(command, cwd=folder, quiet=True)
        return sorted(folder.glob("*.deb"))

    def fetch_source(self, package: str, folder: Path) -> None:
        """Download a source package (NAME=VERSION) into `folder` and unpack
        it there, with Debian's patches; needs dpkg-source."""
        self.update()
        folder.mkdir(parents=True, exist_ok=True)
        run(self._apt("apt-get", "source", package), cwd=folder, quiet=True)

    def unpack(self, packages: list[str], folder: Path) -> None:
        """Download packages and unpack all their files below `folder`."""
        if not shutil.which("dpkg-deb"):
            raise Failure("dpkg-deb: not installed; this needs a Debian system")
        folder.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryDirectory(dir=self.root) as scratch:
            for deb in self.fetch(packages, Path(scratch)):
                run(["dpkg-deb", "-x", deb, folder])


def unpack_source(arch: Arch, package: str, version: str,
                  folder: Path) -> Path:
    """Fetch a source package and unpack it in `folder`: the source, with
    Debian's patches. Once the archive has dropped the version, the newest."""
    # A source package is of no architecture; its lists are kept apart.
    apt = PrivateApt(replace(arch, name="source"),
                     (arch.suite, f"{arch.suite}-security"), source=True)
    offered = apt.versions(package)
    if not offered:
        raise Failure(f"{package}: not in Debian's lists of sources")
    if version not in offered:
        say(f"{package} {version} is gone, taking {offered[0]}")
        version = offered[0]
    say(f"fetching {package} {version}")
    apt.fetch_source(f"{package}={version}", folder)
    found = [path for path in folder.glob(f"{package}-*") if path.is_dir()]
    if len(found) != 1:
        raise Failure(f"{package}: no source in its package")
    return found[0]
