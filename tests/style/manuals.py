#!/usr/bin/env python3
"""tests/style/manuals.py - the manual pages are found, and read as meant.

Usage: manuals.py ROOT. Prints each fault; exits 1 if there is any, 77 if a
program that reads manual pages is not installed.

whatis(1) and apropos(1) find a page by what lexgrog(1) makes of its NAME. Each
page is rendered by groff and by mandoc, and both texts are searched for what a
wrong macro leaves.
"""
import pathlib
import re
import shutil
import subprocess
import sys

NEEDS = ("lexgrog", "groff", "mandoc")
RENDERERS = (("groff", "-mdoc", "-Tutf8", "-P-cbou"), ("mandoc", "-Tutf8"))
WRONG = (
    (re.compile(r"\bvmm-\w+ [1-9]\b"), "a reference without parentheses"),
    (re.compile(r"‘[^’]*‘"), "a quote that is not closed"),
    (re.compile(r"’’"), "a quote that is closed twice"),
    (re.compile(r"\S \|\S|\S\| \S"), "a blank on one side of a bar"),
)


def said(*words):
    """What a program says on stdout."""
    return subprocess.run(words, stdout=subprocess.PIPE, text=True,
                          stderr=subprocess.STDOUT, check=False).stdout


def rendered(page, words):
    """A page as text, in one line; mandoc strikes letters over others."""
    text = re.sub(r".\x08", "", said(*words, str(page)))
    # A word cut at the end of a line is one word.
    return re.sub(r"\s+", " ", re.sub(r"[‐-]\n\s*", "", text))


def faults(page):
    """Every breach of a page, as a line of text."""
    found = re.search(r': "(\S+) - .+"$', said("lexgrog", str(page)).strip())
    if not found or found[1] != page.stem:
        yield f"lexgrog finds no page called {page.stem} in its NAME"
    for line in said("mandoc", "-Tlint", "-Wwarning", str(page)).splitlines():
        yield line.partition(f"{page}:")[2] or line
    for words in RENDERERS:
        text = rendered(page, words)
        for pattern, fault in WRONG:
            for match in pattern.finditer(text):
                around = text[max(match.start() - 20, 0):match.end() + 20]
                yield f"{words[0]} shows {fault}: {around}"


def main():
    """Look at all pages."""
    for name in NEEDS:
        if not shutil.which(name):
            print(f"{name}: not installed")
            return 77
    pages = sorted(pathlib.Path(sys.argv[1]).glob("docs/man/*.1"))
    if not pages:
        print("no manual pages")
        return 1
    found = [f"{page.name}: {fault}" for page in pages
             for fault in faults(page)]
    print("\n".join(found))
    return bool(found)


if __name__ == "__main__":
    sys.exit(main())
