#!/usr/bin/env python3
"""tests/style/length.py - files and functions that fit in a head.

Usage: length.py ROOT. Prints each source file of more than 600 lines, each C
function of more than 60, and each line of C of more than 80 columns; exits 1 if
there is any.
"""
import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).parent))
sys.dont_write_bytecode = True
from words import files  # noqa: E402

FILE_MAX = 600
FUNCTION_MAX = 60
COLUMNS_MAX = 80
SOURCES = (".c", ".h", ".S", ".py", ".sh", "meson.build")


def is_source(name, lines):
    """A source of ours: by its name, or a script by its first line."""
    return name.endswith(SOURCES) or (lines and lines[0].startswith("#!"))


def functions(lines):
    """Where each function body begins, and its length, as clang-format lays
    it out: '{' and '}' alone in the first column."""
    begin = None
    for number, line in enumerate(lines, 1):
        if line == "{":
            begin = number
        elif line == "}" and begin:
            yield begin, number - begin - 1
            begin = None


def faults(root):
    """Every breach, as a line of text."""
    for name in files(root):
        try:
            lines = (root / name).read_text().splitlines()
        except UnicodeDecodeError:
            continue
        if not is_source(name, lines):
            continue
        if len(lines) > FILE_MAX:
            yield f"{name}: {len(lines)} lines, more than {FILE_MAX}"
        if not name.endswith((".c", ".h")):
            continue
        for number, length in functions(lines):
            if length > FUNCTION_MAX:
                yield f"{name}:{number}: a function of {length} lines," \
                      f" more than {FUNCTION_MAX}"
        for number, line in enumerate(lines, 1):
            if len(line.expandtabs(8)) > COLUMNS_MAX:
                yield f"{name}:{number}: more than {COLUMNS_MAX} columns"


if __name__ == "__main__":
    found = list(faults(pathlib.Path(sys.argv[1])))
    print("\n".join(found))
    sys.exit(bool(found))
