#!/usr/bin/env python3
"""tests/style/units.py - every unit test's results are read.

Usage: units.py ROOT. Prints each fault; exits 1 if there is any.

A program of tests/unit runs its tests by RUN_TESTS() or RUN_TESTS_IN() of test.h,
uses what they return, and does not start cmocka itself: without TAP meson counts
all of its tests as one that was skipped.
"""
import pathlib
import re
import sys

MAIN = re.compile(r"^int main\(", re.M)
DIRECT = re.compile(r"\bcmocka_run_group_tests(?:_name)?\s*\(")
USED = re.compile(r"\b(?:return|\w+ =) RUN_TESTS(?:_IN)?\(")
COMMENT = re.compile(r"/\*.*?\*/", re.DOTALL)


def faults(root):
    """Every breach, as a line of text."""
    for file in sorted((root / "tests" / "unit").rglob("*.c")):
        text = COMMENT.sub(lambda m: "\n" * m[0].count("\n"), file.read_text())
        place = file.relative_to(root).as_posix()
        for match in DIRECT.finditer(text):
            line = text.count("\n", 0, match.start()) + 1
            yield (f"{place}:{line}: starts cmocka itself, not by RUN_TESTS() "
                   "or RUN_TESTS_IN()")
        if MAIN.search(text) and not USED.search(text):
            yield (f"{place}: nothing uses what RUN_TESTS() or RUN_TESTS_IN() "
                   "returns")


if __name__ == "__main__":
    found = list(faults(pathlib.Path(sys.argv[1])))
    print("\n".join(found))
    sys.exit(bool(found))
