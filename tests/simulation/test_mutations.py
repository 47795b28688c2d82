"""Planted bugs are found: all of them by `make sim-mutations`, some in every run of the tests."""

from collections import Counter
from collections.abc import Iterator

import pytest

from planning_poker_simulator.simulation.running import result_of
from tests.integration.figures import tell
from tests.simulation import mutations
from tests.simulation.seeds import REGRESSIONS

WITHIN = 500
"""Seeds."""


@pytest.mark.parametrize(
    ("plant", "seed", "checker"),
    [
        (mutations.resume_begins_one_too_late, 0, "resumable"),
        (mutations.an_append_in_doubt_counts_as_failed, 6, "refused without effect"),
        (mutations.a_blip_is_an_absence, 24, "nobody is absent who is there"),
        *((plant, seed, checker) for plant, (seed, checker) in REGRESSIONS.items()),
    ],
    ids=lambda value: getattr(value, "__name__", None),
)
def test_a_planted_bug_is_found_by_the_seed_that_is_known_to_find_it(
    monkeypatch: pytest.MonkeyPatch, plant: mutations.Plant, seed: int, checker: str
) -> None:
    plant(monkeypatch)
    assert checker in {name for name, _ in result_of(seed).findings}


@pytest.mark.long
@pytest.mark.parametrize("plant", mutations.MUTATIONS, ids=lambda plant: plant.__name__)
def test_each_planted_bug_is_found_within_500_seeds(
    monkeypatch: pytest.MonkeyPatch, plant: mutations.Plant
) -> None:
    plant(monkeypatch)
    seed, findings = next(_found(), (WITHIN, []))
    checkers = Counter(name for name, _ in findings)
    tell({plant.__name__: f"{seed + 1} seeds, found by {', '.join(checkers)}"})
    assert findings


def _found() -> Iterator[tuple[int, list[tuple[str, str]]]]:
    for seed in range(WITHIN):
        findings = list(result_of(seed).findings)
        if findings:
            yield seed, findings
