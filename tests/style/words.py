#!/usr/bin/env python3
"""tests/style/words.py - every file says what it is, and nothing it should not.

Usage: words.py ROOT. Looks at the files that belong to the project: those git
knows, or all but build folders where there is no git. Prints each fault; exits
1 if there is any.

A C file or shell script begins with its own path and what it is for; no file
has unfinished business, names a machine, or ends lines in blanks.
"""
import pathlib
import re
import subprocess
import sys

HEADED = (".c", ".h", ".S", ".sh")
# Spelled apart, so that this file does not find itself.
UNFINISHED = re.compile(r"\b(TO" r"DO|FIX" r"ME|XX" r"X|HA" r"CK)\b")
SOMEWHERE = re.compile(
    r"(?<![\w./])/(?:work|root|home/\w+)/\w"         # a path of one machine
    r"|\bhttps?://(?:[\w.-]*\.)?(?:internal|corp|lan|local)\b"
    r"|\bhttps?://(?:localhost|\d+\.\d+\.\d+\.\d+)"  # or a host nearby
    r"|\b[\w-]+\.(?:internal|corp|lan)\b")
VERBATIM = ("LICENSE",)


def files(root):
    """The project's files, relative to its root."""
    try:
        listed = subprocess.run(
            ["git", "-C", str(root), "ls-files", "-z", "--cached", "--others",
             "--exclude-standard"], check=True, capture_output=True).stdout
        names = listed.decode().split("\0")
    except (OSError, subprocess.CalledProcessError):
        names = [file.relative_to(root).as_posix()
                 for file in root.rglob("*")
                 if not any(part.startswith(("build", ".git", "__pycache__"))
                            for part in file.relative_to(root).parts)]
    return [name for name in sorted(set(names))
            if name and (root / name).is_file()
            and not (root / name).is_symlink()]


def head_faults(name, lines):
    """Whether the file begins with its own name and what it is for."""
    if not name.endswith(HEADED):
        return
    head = lines[1:2] if lines and lines[0].startswith("#!") else lines[:2]
    if not any(re.match(rf'^(?:/\*| \*|#|""") ?{re.escape(name)} - \S', line)
               for line in head):
        yield 1, f'begins with no "{name} - what it is for"'


def line_faults(name, lines):
    """What no line may have."""
    for number, line in enumerate(lines, 1):
        if line != line.rstrip():
            yield number, "blanks at the end of the line"
        if "\r" in line:
            yield number, "a carriage return"
        if UNFINISHED.search(line):
            yield number, f"unfinished: {UNFINISHED.search(line)[0]}"
        if SOMEWHERE.search(line):
            yield number, f"names a machine: {SOMEWHERE.search(line)[0]}"


def faults(root):
    """Every breach, as a line of text."""
    for name in files(root):
        data = (root / name).read_bytes()
        if name in VERBATIM or "/seeds/" in name or b"\0" in data:
            continue
        try:
            text = data.decode()
        except UnicodeDecodeError:
            yield f"{name}: is not UTF-8"
            continue
        lines = text.split("\n")
        if text and lines[-1]:
            yield f"{name}:{len(lines)}: no newline at the end"
        if text.endswith("\n\n"):
            yield f"{name}:{len(lines)}: empty lines at the end"
        for number, fault in [*head_faults(name, lines),
                              *line_faults(name, lines)]:
            yield f"{name}:{number}: {fault}"


if __name__ == "__main__":
    found = list(faults(pathlib.Path(sys.argv[1])))
    print("\n".join(found))
    sys.exit(bool(found))
