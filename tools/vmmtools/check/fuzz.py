"""The fuzz targets, each for a while, with what was found in earlier runs."""

from __future__ import annotations

import re
from pathlib import Path

from vmmtools.base import SOURCE_ROOT
from vmmtools.check.context import Context
from vmmtools.check.native import FUZZ, SANITIZERS, build
from vmmtools.check.process import Ended, at_once, call
from vmmtools.check.report import CHECK_FOLDER, only

RUNS = re.compile(r"(?:stat::number_of_executed_units:\s*|Done )(\d+)")
ENOUGH_RUNS = 1000
"""Fewer inputs than this in a run mean that the target does not work."""
SHARED_BY = 4
"""So many targets share a processor: what is new is found in the first
seconds, and the seeds and the corpus make up for the rest."""
INPUT_SECONDS = 60
"""What one input may take: far more than it does on a machine that is idle."""
SLACK = 600
"""Seconds a target may take beyond its time: the last input, the report."""
FINDS = CHECK_FOLDER / "finds"


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
    at_once(context.jobs * SHARED_BY,
            lambda target: fuzz_target(context, target), targets)


def _run(context: Context, target: Path, end: str, limit: int) -> Ended:
    """Run a target until libFuzzer's option `end` ends it."""
    corpus = CHECK_FOLDER / "corpus" / target.name
    corpus.mkdir(parents=True, exist_ok=True)
    FINDS.mkdir(parents=True, exist_ok=True)
    seeds = SOURCE_ROOT / "tests" / "fuzz" / "seeds" / target.name
    folders = [corpus] + ([seeds] if seeds.is_dir() else [])
    return call(
        ["nice", "-n", "10", target, end, f"-timeout={INPUT_SECONDS}",
         "-rss_limit_mb=2048", "-print_final_stats=1", "-verbosity=1",
         f"-artifact_prefix={FINDS}/{target.name}-", *folders],
        limit=limit + SLACK, report=context.report,
        # Leaks are looked for by libFuzzer itself; its own exit must do.
        env={**SANITIZERS, "ASAN_OPTIONS": "detect_leaks=1"})


def _inputs(ended: Ended) -> int:
    """How many inputs a run tried."""
    return max(map(int, RUNS.findall(ended.text)), default=0)


def fuzz_target(context: Context, target: Path) -> None:
    """Run a target for its time. Where the machine gave it too little of that
    to try ENOUGH_RUNS inputs, run it until it has tried as many."""
    seconds = context.fuzz_seconds
    ended = _run(context, target, f"-max_total_time={seconds}", seconds)
    if ended.good and _inputs(ended) < ENOUGH_RUNS:
        ended = _run(context, target, f"-runs={ENOUGH_RUNS}", seconds)
    if not ended.good:
        context.report.failed(target.name, f"{ended.text}\n{ended}; the input "
                              f"is in {FINDS.relative_to(SOURCE_ROOT)}",
                              only(target.name))
    elif _inputs(ended) < ENOUGH_RUNS:
        context.report.failed(target.name, f"{ended.text}\nfewer than "
                              f"{ENOUGH_RUNS} inputs were tried",
                              only(target.name))
    else:
        context.report.passed(target.name, f"{_inputs(ended)} inputs")
