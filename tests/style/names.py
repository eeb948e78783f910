#!/usr/bin/env python3
"""tests/style/names.py - backtraces are unambiguous, comments begin plainly.

Usage: names.py ROOT. Prints each fault; exits 1 if there is any.

A static function has a name of two words or more, and no other file of a
program has a static function of that name. A program is base, mem, host,
devices and vmm, with one architecture. No sentence of a comment begins with
"Who".
"""
import pathlib
import re
import sys

COMMON = ("base", "mem", "host", "devices", "vmm")
COMMENT_OR_STRING = re.compile(
    r"/\*.*?\*/|\"(?:\\.|[^\"\\\n])*\"|'(?:\\.|[^'\\\n])*'", re.DOTALL)
# The head of a function begins in the first column; its body follows.
STATIC = re.compile(r"^static\b[^;={}()]*?\b(\w+)\([^;{}]*\)\s*\{", re.M)
WHO = re.compile(r"(?:^|[.:;?!] )Who\b")
CLEANUP = ("freep",)  # for _cleanup_ with memory of malloc(3), in every file


def sources(folder):
    """The C files of a folder, in order."""
    return sorted(file for file in folder.rglob("*.[ch]") if file.is_file())


def static_functions(text):
    """The name and line of each static function that is defined in @text."""
    code = COMMENT_OR_STRING.sub(lambda m: "\n" * m[0].count("\n"), text)
    for match in STATIC.finditer(code):
        if match[1] not in CLEANUP:
            yield match[1], code.count("\n", 0, match.start(1)) + 1


def name_faults(root, architecture):
    """Static functions of a program whose name is short or used twice."""
    first = {}
    for folder in [*(root / name for name in COMMON), architecture]:
        for file in sources(folder):
            place = file.relative_to(root).as_posix()
            for name, line in static_functions(file.read_text()):
                if "_" not in name:
                    yield (f"{place}:{line}: {name}() does not say what it "
                           "acts on")
                other = first.setdefault(name, place)
                if other != place:
                    yield f"{place}:{line}: {name}() is in {other}, too"


def comment_faults(root):
    """Comments in which a sentence begins with "Who"."""
    for folder in (*COMMON, "arch", "tests"):
        for file in sources(root / folder):
            place = file.relative_to(root).as_posix()
            text = file.read_text()
            for match in COMMENT_OR_STRING.finditer(text):
                if not match[0].startswith("/*"):
                    continue
                words = re.sub(r"\s*\n\s*\*?\s*", " ", match[0][2:-2])
                if WHO.search(words.strip(" *")):
                    line = text.count("\n", 0, match.start()) + 1
                    yield (f'{place}:{line}: a sentence of this comment '
                           'begins with "Who"')


def faults(root):
    """Every breach, as a line of text, each once."""
    found = set(comment_faults(root))
    for architecture in (root / "arch").iterdir():
        if architecture.is_dir():
            found.update(name_faults(root, architecture))
    return sorted(found)


if __name__ == "__main__":
    all_faults = faults(pathlib.Path(sys.argv[1]))
    print("\n".join(all_faults))
    sys.exit(bool(all_faults))
