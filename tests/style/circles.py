#!/usr/bin/env python3
"""tests/style/circles.py - no circle of files, and the rooms of vmm/ in order.

Usage: circles.py ROOT. A unit is x.c with x.h. Units that include each other,
directly or by way of others, form a circle: each is printed, with the includes
that close it. So is each include from a room of vmm/ into a room above it.
Exits 1 if there are any.
"""
import pathlib
import sys
from graphlib import CycleError, TopologicalSorter

from layers import CODE, INCLUDE, pure_files

ROOMS = {  # room of vmm/ -> the rooms it may include besides itself
    "boot": set(),
    "machine": {"boot"},
    "kvm": {"boot", "machine"},
    "debug": {"boot", "machine", "kvm"},
    "snapshot": {"boot", "machine", "kvm"},
    "migrate": {"boot", "machine", "kvm", "snapshot"},
    "control": {"boot", "machine", "kvm", "debug", "snapshot", "migrate"},
    "client": {"control", "snapshot", "migrate"},  # of them, what is pure
    "doctor": {"kvm"},
    "test": {"boot"},
}
# Under every room: the words of a command.
FLOOR = ("vmm/balloon_words", "vmm/cli", "vmm/config", "vmm/config_same",
         "vmm/config_words", "vmm/console_log_words", "vmm/flash_words",
         "vmm/gdb_words", "vmm/kvmtool_words", "vmm/mem_words", "vmm/net_words",
         "vmm/panic_words", "vmm/share_words")


def unit(path):
    """The unit of a file: its path without .c or .h."""
    return path.rpartition(".")[0]


def room(name):
    """The room of vmm/ that a unit is in, or None."""
    parts = name.split("/")
    return parts[1] if parts[0] == "vmm" and len(parts) == 3 else None


def includes(root):
    """By unit: the other units it includes."""
    graph = {}
    for top in CODE:
        for file in sorted((root / top).rglob("*.[ch]")):
            own = unit(file.relative_to(root).as_posix())
            others = {unit(name) for name, _ in
                      INCLUDE.findall(file.read_text()) if name}
            graph.setdefault(own, set()).update(others - {own})
    return graph


def circles(graph):
    """Every circle found, one after the other, as a line of text."""
    graph = {name: set(others) for name, others in graph.items()}
    while True:
        try:
            TopologicalSorter(graph).prepare()
            return
        except CycleError as error:
            circle = error.args[1][::-1]
            yield "circle of files: " + " -> ".join(circle)
            graph[circle[0]].discard(circle[1])


def disorder(graph, pure):
    """Includes from a room into one above it, or into a part it is not to
    know."""
    for name, others in sorted(graph.items()):
        own = room(name)
        if name in FLOOR:
            others = {other for other in others if other.startswith("vmm/")}
            allowed = set(FLOOR)
        elif own is None:
            continue
        elif own not in ROOMS:
            yield f"{name}: vmm/{own} is no room of tests/style/circles.py"
            continue
        else:
            allowed = {other for other in others
                       if other in FLOOR or room(other) in ROOMS[own] | {own}
                       or not other.startswith("vmm/")}
        for other in sorted(others - allowed):
            yield f'{name}: "{other}.h" is not below {own or "vmm"}'
        for other in sorted(others & allowed):
            if own == "client" and room(other) in ROOMS["client"] and \
                    other not in pure:
                yield f'{name}: "{other}.h" needs a guest: it is not pure'


def faults(root):
    """Every breach, as a line of text."""
    graph = includes(root)
    pure = {unit(name) for name in pure_files(root)}
    yield from circles(graph)
    yield from disorder(graph, pure)


if __name__ == "__main__":
    found = list(faults(pathlib.Path(sys.argv[1])))
    print("\n".join(found))
    sys.exit(bool(found))
