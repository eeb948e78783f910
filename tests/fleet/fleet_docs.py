"""The scripts of docs/FLEET.md and docs/TEST.md, and a vmm that they may call."""

from __future__ import annotations

import os
import re
import tempfile
import textwrap
import unittest
from pathlib import Path

from vmmtools.base import SOURCE_ROOT
from vmmtools.check.native import GCC

VMM = GCC.folder / "tests/cli/vmm_words"
"""vmm with tests/cli/fake_guest.c: a guest whose kernel is called "here" is this
machine."""


def script(page: str, name: str) -> str:
    """The indented block that has "# NAME" as its first or second line."""
    text = (SOURCE_ROOT / "docs" / page).read_text(encoding="utf-8")
    for block in re.findall(r"(?:^    .*\n(?:\n(?=    ))?)+", text, re.M):
        for part in re.split(r"\n\n(?=    (?:#|kubectl))", block):
            lines = textwrap.dedent(part).splitlines()
            if any(line.split(":")[0] == f"# {name}" for line in lines[:2]):
                return "\n".join(lines) + "\n"
    raise AssertionError(f"docs/{page} has no {name}")


class FleetTest(unittest.TestCase):
    """Each test has a folder, and a vmm in PATH."""

    def setUp(self) -> None:
        if not VMM.exists():
            self.fail(f"{VMM} is missing: tools/check --suite fleet makes it")
        temp = tempfile.TemporaryDirectory(prefix="vmm-fleet-")
        self.addCleanup(temp.cleanup)
        self.dir = Path(temp.name)
        (self.dir / "bin").mkdir()
        (self.dir / "bin/vmm").symlink_to(VMM.resolve())
        self.path = f"{self.dir}/bin:{os.environ['PATH']}"

    def put(self, name: str, text: str) -> Path:
        """Writes a file, for a guest that is this machine."""
        file = self.dir / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text.replace("--kernel Image", "--kernel here"),
                        encoding="utf-8")
        return file
