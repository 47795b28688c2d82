"""What came of a scenario. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from typing import Any

from planning_poker_simulator.scenarios.model import Scenario, Step


class Verdict(Enum):
    """How a run ended."""

    PASSED = "passed"
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class Failure:
    """Something is not as the scenario says."""

    line: int
    """In its file; 0: it is about the run as a whole."""
    what: str
    """The action or outcome, in the scenario's words."""
    expected: str
    actual: str

    def __str__(self) -> str:
        where = f"line {self.line}: " if self.line else ""
        return f"{where}{self.what}: expected {self.expected}, but {self.actual}"


class StepFailed(Exception):
    """Ends a scenario at one of its actions."""

    def __init__(self, *failures: Failure) -> None:
        super().__init__("; ".join(map(str, failures)))
        self.failures = failures


@dataclass(frozen=True, slots=True)
class Result:
    """One run of a scenario."""

    scenario: Scenario
    verdict: Verdict
    seconds: float
    actions: int
    """Done, of those there are."""
    checked: int
    """Outcomes and promises that held."""
    failures: Sequence[Failure] = ()
    last_events: Sequence[str] = ()
    """The end of the game's history, one line each."""
    answers: Mapping[str, int] = field(default_factory=dict)
    """How often each answer was given."""

    @property
    def passed(self) -> bool:
        return self.verdict is Verdict.PASSED

    def to_json(self) -> dict[str, Any]:
        """As `--json` prints it."""
        return {
            "name": self.scenario.name,
            "file": self.scenario.source,
            "verdict": self.verdict.value,
            "seconds": round(self.seconds, 3),
            "actions": self.actions,
            "checked": self.checked,
            "answers": dict(self.answers),
            "failures": [
                {
                    "line": each.line,
                    "what": each.what,
                    "expected": each.expected,
                    "actual": each.actual,
                }
                for each in self.failures
            ],
            "last_events": list(self.last_events),
        }


def describe(step: Step) -> str:
    """A step in its own words, short: "vote Ada: 5, Bob: 8"."""
    about = ", ".join(f"{name}: {text}" for name, text in step.pairs[:4])
    about = about or ", ".join(step.players[:4]) or step.text or ", ".join(step.texts[:3])
    if not about and step.number:
        about = f"{step.number / 1000:g} s" if step.verb in _TIMES else str(step.number)
    more = max(len(step.pairs) - 4, len(step.players) - 4, len(step.texts) - 3)
    text = f"{step.verb.replace('_', ' ')} {about}".strip().split("\n")[0]
    return f"{text} and {more} more" if more > 0 else text


_TIMES = ("advance", "set_deadline")
