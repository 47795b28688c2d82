"""Runs seeds, in processes side by side, and says what came of each."""

import gc
import multiprocessing
import time
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass

from loguru import logger

from planning_poker_simulator.checking.checkers import check
from planning_poker_simulator.checking.evidence import Evidence
from planning_poker_simulator.checking.history import History
from planning_poker_simulator.simulation.plan import plan_of
from planning_poker_simulator.simulation.sometimes import paths
from planning_poker_simulator.simulation.world import simulate

_AT_ONCE = 8


@dataclass(frozen=True)
class Result:
    """What came of one seed."""

    seed: int
    findings: Sequence[tuple[str, str]]
    """What did not hold: the checker, and what it has to say."""
    paths: Counter[str]
    events: int
    seconds: float
    """Of CPU."""


def run(seed: int) -> tuple[History, Result]:
    """Simulate a seed and look at it."""
    began = time.process_time()
    history = simulate(seed)
    evidence = Evidence(history, plan_of(seed).settings)
    findings = check(evidence)
    events = sum(truth.head for truth in evidence.truths.values())
    taken = paths(evidence)
    return history, Result(seed, findings, taken, events, time.process_time() - began)


def result_of(seed: int) -> Result:
    """Without the history; a run that raises is a finding like others."""
    try:
        return run(seed)[1]
    except Exception as error:
        finding = "the run itself", f"{type(error).__name__}: {error}"
        return Result(seed, [finding], Counter(), 0, 0.0)
    finally:
        gc.collect()


def results(seeds: Iterable[int], jobs: int) -> Iterator[Result]:
    """Of all seeds, in their order."""
    if jobs == 1:
        yield from map(result_of, seeds)
        return
    with multiprocessing.get_context("spawn").Pool(jobs, _prepare) as pool:
        yield from pool.imap(result_of, seeds, chunksize=_AT_ONCE)


def _prepare() -> None:
    logger.remove()
    # What is loaded by now stays: to look through it after each run would cost a third of the time.
    gc.freeze()
