"""Builds a kernel from Debian's linux-source with configuration fragments."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections import deque
from dataclasses import replace
from pathlib import Path
from typing import Any

from vmmtools import hostpkgs
from vmmtools.apt import PrivateApt
from vmmtools.arch import Arch
from vmmtools.base import Failure, cache_dir, make_once, run, say

NEEDS = {
    "make": "make",
    "gcc": "gcc",
    "bc": "bc",
    "bison": "bison",
    "flex": "flex",
    "xz": "xz-utils",
    "patch": "patch",
    "/usr/include/openssl/ssl.h": "libssl-dev",
    "/usr/include/libelf.h": "libelf-dev",
}


def _source(arch: Arch, recipe: dict[str, Any]) -> Path:
    """The unpacked source, of the recipe's version or else the newest."""
    package, version = recipe["source"], recipe["version"]
    if "suite" in recipe:
        # An older suite may not have this architecture, but a source package
        # is of none, and every suite has amd64.
        apt = PrivateApt(replace(arch, name="source", debian="amd64"),
                         (recipe["suite"],))
    else:
        apt = PrivateApt(arch)
    offered = apt.versions(package)
    if not offered:
        raise Failure(f"{package}: not in Debian's lists")
    if version not in offered:
        say(f"{package} {version} is gone, taking {offered[0]}")
        version = offered[0]

    def make(folder: Path) -> None:
        say(f"fetching and unpacking {package} {version}")
        with tempfile.TemporaryDirectory(dir=folder.parent) as scratch:
            root = Path(scratch)
            apt.unpack([f"{package}={version}"], root)
            archives = list(root.glob("usr/src/linux-source-*.tar.xz"))
            if len(archives) != 1:
                raise Failure(f"{package}: no source archive in it")
            run(["tar", "-xf", archives[0], "-C", root])
            (root / archives[0].name.removesuffix(".tar.xz")).rename(folder)

    name = f"{package}_{version.replace('/', '_')}"
    return make_once(cache_dir("src") / name, make)


def check_config(name: str, fragments: list[Path], config: str) -> None:
    """Fail if the final configuration lacks a setting of the fragments: the
    kernel does not know it, or something that it depends on is missing."""
    wanted: dict[str, str] = {}
    for fragment in fragments:
        for line in fragment.read_text().splitlines():
            match = re.match(r"(CONFIG_\w+)=(.*)", line)
            if match:
                wanted[match[1]] = match[2]
    have = dict(re.findall(r"^(CONFIG_\w+)=(.*)$", config, re.MULTILINE))
    lacking = [f"{setting}={value}" for setting, value in wanted.items()
               if have.get(setting, "n") != value]
    if lacking:
        raise Failure(f"{name}: this kernel does not take "
                      f"{', '.join(lacking)}")


def _configure(make: list[str], env: dict[str, str], objects: Path,
               fragments: list[Path], base: str) -> Path:
    """Make the configuration: the fragments, and what `base` says of the rest:
    tinyconfig takes the rest's defaults, allnoconfig leaves it out."""
    text = "".join(fragment.read_text() for fragment in fragments)
    config = objects / ".config"
    if base == "allnoconfig":
        said = objects / "fragments"
        said.write_text(text)
        run([*make, f"KCONFIG_ALLCONFIG={said}", base], env=env, quiet=True)
        return config
    run([*make, base], env=env, quiet=True)
    with config.open("a") as file:
        file.write(text)
    run([*make, "olddefconfig"], env=env, quiet=True)
    return config


FILE = re.compile(r"  (?:CC|AS) +\S+\.o$")
"""What make says of a file of the kernel that the compiler reads."""
TELL_SECONDS = 30
FILE_SECONDS = {"linux-source-5.10": 0.3}
"""What a file of a source costs one processor, about, if not 0.55."""


def seconds(recipe: dict[str, Any]) -> float:
    """How long a kernel takes to build here if nothing else runs, about."""
    each = FILE_SECONDS.get(recipe.get("source", ""), 0.55)
    return recipe.get("files", 0) * each / (os.cpu_count() or 1)


def about(duration: float) -> str:
    """A duration in words."""
    minutes = max(round(duration / 60), 1)
    return "about a minute" if minutes == 1 else f"about {minutes} minutes"


def _compile(command: list[str], env: dict[str, str], name: str,
             recipe: dict[str, Any]) -> None:
    """Run make, and tell how far it is every TELL_SECONDS."""
    files = recipe.get("files", 0)
    say(f"building the kernel {name}: {about(seconds(recipe))} if nothing "
        "else runs")
    last: deque[str] = deque(maxlen=100)
    done, told = 0, time.monotonic()
    with subprocess.Popen(command, env=env, stdin=subprocess.DEVNULL,
                          stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          text=True, errors="replace") as make:
        assert make.stdout
        for line in make.stdout:
            last.append(line)
            done += bool(FILE.match(line.rstrip()))
            if time.monotonic() - told > TELL_SECONDS:
                told = time.monotonic()
                say(f"{name}: {done} of about {max(files, done)} files")
    if make.returncode:
        sys.stderr.writelines(last)
        raise Failure(f"building the kernel {name}: make ended with status "
                      f"{make.returncode}")


def build(arch: Arch, recipe: dict[str, Any], fragments: list[Path],
          patches: list[Path], folder: Path) -> None:
    """Build what a recipe of kernels.toml says; leaves Image and config, and
    symbols if the recipe asks for them."""
    hostpkgs.ensure(NEEDS | hostpkgs.compiler_needs(arch),
                    f"build the kernel {folder.name}")
    source = _source(arch, recipe)
    (folder / "source").write_text(f"{source.name}\n")
    with tempfile.TemporaryDirectory(dir=cache_dir("src")) as scratch:
        work = Path(scratch)
        if patches:
            run(["cp", "-a", source, work / "source"])
            source = work / "source"
            for patch in patches:
                run(["patch", "-s", "-p1", "-d", source, "-i", patch])
        objects = work / "objects"
        objects.mkdir()
        # Debian's native tools are known by the triplet as well.
        make = ["nice", "-n", "10", "make", "-C", str(source),
                f"O={objects}", f"ARCH={arch.kernel_arch}",
                f"CROSS_COMPILE={arch.triplet}-", f"-j{os.cpu_count() or 1}"]
        # The same source gives the same image, wherever it is built.
        env = {**os.environ, "KBUILD_BUILD_TIMESTAMP": "2024-01-01",
               "KBUILD_BUILD_USER": "vmm", "KBUILD_BUILD_HOST": "vmm",
               "LC_ALL": "C"}
        config = _configure(make, env, objects, fragments,
                            recipe.get("base", "tinyconfig"))
        check_config(folder.name, fragments, config.read_text())
        target = recipe.get("target", arch.kernel_target)
        _compile([*make, *recipe.get("make", []), Path(target).name], env,
                 folder.name, recipe)
        if Path(target).name == "vmlinux":
            run([f"{arch.triplet}-strip", "-o", folder / "Image",
                 objects / target])
        else:
            shutil.copyfile(objects / target, folder / "Image")
        if recipe.get("symbols"):
            run([f"{arch.triplet}-objcopy", "--only-keep-debug",
                 objects / "vmlinux", folder / "symbols"])
        shutil.copyfile(config, folder / "config")
