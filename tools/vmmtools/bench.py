"""What every bench shares: figures with a goal, as a table or as JSON."""

from __future__ import annotations

import json
from dataclasses import dataclass


@dataclass
class Figure:
    """One number of a bench."""

    key: str  # in JSON
    text: str  # for people
    value: int
    limit: int | None = None  # at most this
    rival: str = ""  # what others need for the same


def report(figures: list[Figure], as_json: bool) -> str:
    """The figures in one of the two forms every bench answers in."""
    if as_json:
        return json.dumps({f.key: f.value for f in figures}) + "\n"
    width = max(len(f.text) for f in figures)
    lines = []
    for figure in figures:
        line = f"{figure.text:{width}}  {figure.value:>12,}"
        if figure.limit is not None:
            verdict = "ok" if figure.value <= figure.limit else "OVER"
            line += f"  {verdict}: at most {figure.limit:,}"
        if figure.rival:
            line += f" ({figure.rival})"
        lines.append(line)
    return "\n".join(lines) + "\n"
