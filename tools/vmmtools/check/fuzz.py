"""The fuzz targets, each for a while, with what was found in earlier runs."""

from __future__ import annotations

import re
from pathlib import Path

from vmmtools.base import SOURCE_ROOT
from vmmtools.check.context import Context
from vmmtools.check.native import FUZZ, SANITIZERS, build
from vmmtools.check.process import at_once, call
from vmmtools.check.report import CHECK_FOLDER, only

RUNS = re.compile(r"(?:stat::number_of_executed_units:\s*|Done )(\d+)")
ENOUGH_RUNS = 1000
"""Fewer inputs than this in a run mean that the target does not work."""
SHARED_BY = 2
"""So many targets share a processor: what is new is found in the first
seconds, and the seeds and the corpus make up for the rest."""
SLACK = 120
"""Seconds a target may take beyond its time: the last input, the report."""


def fuzz_suite(context: Context) -> None:
    """Build all targets, run them.

    They use up any time they get, so they run as nice as the kernels that are
    built beside them.
    """
    if not build(context, FUZZ):
        return
    targets = [path for path in
               sorted((FUZZ.folder / "tests" / "fuzz").glob("fuzz_*"))
               if path.is_file() and context.wants(path.name)]
    at_once(context.jobs * SHARED_BY, lambda target: _fuzz(context, target),
            targets)


def _fuzz(context: Context, target: Path) -> None:
    corpus = CHECK_FOLDER / "corpus" / target.name
    finds = CHECK_FOLDER / "finds"
    corpus.mkdir(parents=True, exist_ok=True)
    finds.mkdir(parents=True, exist_ok=True)
    seeds = SOURCE_ROOT / "tests" / "fuzz" / "seeds" / target.name
    folders = [corpus] + ([seeds] if seeds.is_dir() else [])
    ended = call(
        ["nice", "-n", "10", target,
         f"-max_total_time={context.fuzz_seconds}", "-timeout=10",
         "-rss_limit_mb=2048", "-print_final_stats=1", "-verbosity=1",
         f"-artifact_prefix={finds}/{target.name}-", *folders],
        limit=context.fuzz_seconds + SLACK, report=context.report,
        # Leaks are looked for by libFuzzer itself; its own exit must do.
        env={**SANITIZERS, "ASAN_OPTIONS": "detect_leaks=1"})
    runs = [int(number) for number in RUNS.findall(ended.text)]
    if not ended.good:
        context.report.failed(target.name, f"{ended.text}\n{ended}; the input "
                              f"is in {finds.relative_to(SOURCE_ROOT)}",
                              only(target.name))
    elif not runs or max(runs) < ENOUGH_RUNS:
        context.report.failed(target.name, f"{ended.text}\nfewer than "
                              f"{ENOUGH_RUNS} inputs were tried",
                              only(target.name))
    else:
        context.report.passed(target.name, f"{max(runs)} inputs")
