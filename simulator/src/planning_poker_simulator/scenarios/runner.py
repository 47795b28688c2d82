"""Plays a scenario: its actions in order, then what must have come of them."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from typing import Final, Protocol

from planning_poker_client import PokerError
from planning_poker_simulator.scenarios import acts_faults, acts_game, acts_people
from planning_poker_simulator.scenarios.house import House, TimeLimit, open_house
from planning_poker_simulator.scenarios.judging import Seen, judge, same_everywhere
from planning_poker_simulator.scenarios.model import Scenario, Step
from planning_poker_simulator.scenarios.observing import Observed, observe
from planning_poker_simulator.scenarios.promises import promises
from planning_poker_simulator.scenarios.results import (
    Failure,
    Result,
    StepFailed,
    Verdict,
    describe,
)
from planning_poker_simulator.scenarios.seats import NotThere
from planning_poker_simulator.scenarios.table import PATIENCE_S, Table
from planning_poker_simulator.scenarios.telling import tell
from planning_poker_simulator.scenarios.vocabulary import ACTIONS

LONGEST_S: Final = 120.0
"""A scenario that takes longer has failed."""
_LAST_EVENTS: Final = 8
_LOOK_AGAIN_S: Final = 0.02
QUIET_S: Final = 2.5
"""After so long without any change, what is not so yet will not be."""
_QUIETS: Final = 3
"""How many times as long it may take in all; a program that is behind is given all of it."""
Act = Callable[[Table, Step], Awaitable[None]]


class Watcher(Protocol):
    """Who is told how a run goes on."""

    def began(self, scenario: Scenario) -> None: ...
    def acts(self, scenario: Scenario, done: int, step: Step) -> None: ...
    def ended(self, result: Result) -> None: ...


async def run_scenario(
    scenario: Scenario,
    watcher: Watcher | None = None,
    address: str = "",
    *,
    quiet_s: float = QUIET_S,
) -> Result:
    """Play a scenario on a server of its own, or on that at `address`.

    What is not as it should be has failed once nothing changed for `quiet_s`
    seconds; never raises for anything that a scenario, a server or a client did.
    """
    if watcher is not None:
        watcher.began(scenario)
    result = await _Run(scenario, watcher, quiet_s).play(address)
    if watcher is not None:
        watcher.ended(result)
    return result


class _Run:
    """One playing of one scenario."""

    def __init__(self, scenario: Scenario, watcher: Watcher | None, quiet_s: float) -> None:
        self._scenario = scenario
        self._quiet_s = quiet_s
        self._watcher = watcher
        self._done = 0
        self._checked = 0
        self._failures: list[Failure] = []
        self._last_events: Sequence[str] = ()
        self._answers: Mapping[str, int] = {}

    async def play(self, address: str) -> Result:
        began = time.perf_counter()
        try:
            async with asyncio.timeout(LONGEST_S):
                async with open_house(self._scenario, address) as house:
                    await self._in(house)
        except TimeoutError:
            self._fail(0, "the scenario", f"to be over within {LONGEST_S:g} s", "it was not")
        return Result(
            scenario=self._scenario,
            verdict=Verdict.FAILED if self._failures else Verdict.PASSED,
            seconds=time.perf_counter() - began,
            actions=self._done,
            checked=self._checked,
            failures=tuple(self._failures),
            last_events=self._last_events,
            answers=self._answers,
        )

    async def _in(self, house: House) -> None:
        async with AsyncExitStack() as exits:
            table = Table(self._scenario, house, exits)
            exits.push_async_callback(table.reader.close)
            exits.push_async_callback(_let_go, table)
            try:
                for step in self._scenario.actions:
                    await self._perform(table, step)
                await _finish(table)
                self._tell(Step("check", 0, texts=("the outcomes",)))
                await self._look(table, self._scenario.outcomes)
                await self._keep_promises(table)
            except StepFailed as error:
                self._failures.extend(error.failures)
            self._answers = table.answers
            if self._failures and table.game_id:
                await self._remember_events(table)

    # Actions

    async def _perform(self, table: Table, step: Step) -> None:
        self._tell(step)
        if step.after_ms:
            await table.house.pass_time(step.after_ms)
        if step.verb == "check":
            await self._look(table, step.steps)
            if self._failures:
                raise StepFailed
        elif step.verb == "parallel":
            await self._at_once(table, step)
        elif step.background:
            task = asyncio.create_task(_act(table, step))
            table.background.append((step, task))
            await asyncio.sleep(0)
        else:
            await _act(table, step)
        self._done += max(1, len(step.steps)) if step.verb == "parallel" else 1

    async def _at_once(self, table: Table, block: Step) -> None:
        """Begin all of a block, in the order of their `after`, and wait for all."""
        for seat in table.seats.values():
            await _guarded(block, seat.catch_up(table.newest, PATIENCE_S))
        table.in_parallel = True
        passed_ms = 0
        tasks: list[asyncio.Task[None]] = []
        for step in sorted(block.steps, key=lambda each: each.after_ms):
            if step.after_ms > passed_ms:
                await asyncio.sleep(0)
                await table.house.pass_time(step.after_ms - passed_ms)
                passed_ms = step.after_ms
            tasks.append(asyncio.create_task(_act(table, step)))
        outcomes = await asyncio.gather(*tasks, return_exceptions=True)
        table.in_parallel = False
        failures = [each for each in outcomes if isinstance(each, BaseException)]
        others = [each for each in failures if not isinstance(each, StepFailed)]
        if others:
            raise others[0]
        if failures:
            said = [f for each in failures if isinstance(each, StepFailed) for f in each.failures]
            raise StepFailed(*said)

    def _tell(self, step: Step) -> None:
        if self._watcher is not None:
            self._watcher.acts(self._scenario, self._done, step)

    # Outcomes

    async def _look(self, table: Table, outcomes: Sequence[Step]) -> None:
        """Look until all is as it should be, or nothing happens any more, or the time is up."""
        limit, quiet = TimeLimit(_QUIETS * self._quiet_s), TimeLimit(self._quiet_s)
        before: Observed | None = None
        while True:
            observed = await _guarded_look(table)
            judged = [(outcome, judge(outcome, observed)) for outcome in outcomes]
            wrong = [(outcome, seen) for outcome, seen in judged if not seen.holds]
            if not wrong and not observed.behind:
                break
            if before is None or not observed.is_like(before):
                before, quiet = observed, TimeLimit(self._quiet_s)
            if not limit.left or (not observed.behind and not quiet.left):
                break
            await asyncio.sleep(_LOOK_AGAIN_S)
        self._checked += len(judged) - len(wrong)
        for outcome, seen in wrong:
            self._fail(outcome.line, _outcome_text(outcome), seen.expected, f"it is {seen.actual}")
        if observed.behind and outcomes:
            seen = same_everywhere(observed)
            self._fail(outcomes[0].line, "before this", seen.expected, seen.actual)

    async def _keep_promises(self, table: Table) -> None:
        observed = await _guarded_look(table)
        told = [(seat.name, each) for seat in table.seats.values() for each in seat.told]
        ears = [line.ear for line in table.lines.values()]
        kept: dict[str, Seen] = promises(observed, told, table.asked, ears, table.marks)
        for name, seen in kept.items():
            if seen.holds:
                self._checked += 1
            else:
                self._fail(0, f"the promise “{name}”", seen.expected, seen.actual)

    def _fail(self, line: int, what: str, expected: str, actual: str) -> None:
        self._failures.append(Failure(line, what, expected, actual))

    async def _remember_events(self, table: Table) -> None:
        try:
            observed: Observed = await observe(table)
        except PokerError:
            return
        self._last_events = [
            tell(change, observed.names) for change in observed.history[-_LAST_EVENTS:]
        ]


async def _act(table: Table, step: Step) -> None:
    """Do it. Raises StepFailed."""
    await _guarded(step, _ACTS[step.verb](table, step))


async def _guarded(step: Step, doing: Awaitable[None]) -> None:
    """Make everything that can go wrong a failure of this step."""
    try:
        await doing
    except* StepFailed as group:
        raise StepFailed(*_failures(group)) from None
    except* (NotThere, PokerError, RuntimeError, ValueError, TypeError) as group:
        error = _first(group)
        raise StepFailed(Failure(step.line, describe(step), "it to be done", str(error))) from error


def _failures(group: BaseExceptionGroup[StepFailed]) -> list[Failure]:
    found: list[Failure] = []
    for each in group.exceptions:
        if isinstance(each, BaseExceptionGroup):
            found.extend(_failures(each))
        else:
            found.extend(each.failures)
    return found


def _first(group: BaseExceptionGroup[BaseException]) -> BaseException:
    first = group.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


async def _guarded_look(table: Table) -> Observed:
    if not table.game_id:
        raise StepFailed(Failure(0, "the game", "that somebody opens it", "nobody has joined"))
    try:
        return await observe(table)
    except PokerError as error:
        raise StepFailed(Failure(0, "to look at the game", "an answer", str(error))) from error


async def _finish(table: Table, _: Step | None = None) -> None:
    """Wait for what was begun in the background. Raises StepFailed."""
    begun, table.background = table.background, []
    for _step, task in begun:
        await task


async def _let_go(table: Table) -> None:
    """Make it possible that all ends: nothing is held back any more."""
    for _step, task in table.background:
        task.cancel()
    await asyncio.gather(*(task for _, task in table.background), return_exceptions=True)
    for line in table.lines.values():
        if not line.works:
            line.proxy.down()


def _outcome_text(outcome: Step) -> str:
    about = outcome.text_of("story")
    number = outcome.number_of("number")
    where = f" of {about}" if about else ""
    return f"{describe(outcome)}{where}{f', round {number}' if number else ''}"


async def _never(_: Table, step: Step) -> None:
    raise AssertionError(f"{step.verb} is the runner's own")


_ACTS: Final[Mapping[str, Act]] = {
    "join": acts_people.join,
    "leave": acts_people.leave,
    "rename": acts_people.rename,
    "change_role": acts_people.change_role,
    "make_facilitator": acts_people.make_facilitator,
    "step_down": acts_people.step_down,
    "remove": acts_people.remove,
    "claim": acts_people.claim,
    "start": acts_game.start,
    "again": acts_game.again,
    "vote": acts_game.vote,
    "retract": acts_game.retract,
    "reveal": acts_game.reveal,
    "cancel_countdown": acts_game.cancel_countdown,
    "set_deadline": acts_game.set_deadline,
    "abandon": acts_game.abandon,
    "accept": acts_game.accept,
    "add_stories": acts_game.add_stories,
    "import_backlog": acts_game.import_backlog,
    "edit_story": acts_game.edit_story,
    "skip_story": acts_game.skip_story,
    "move_story": acts_game.move_story,
    "remove_story": acts_game.remove_story,
    "change_game": acts_game.change_game,
    "end": acts_game.end,
    "disconnect": acts_faults.disconnect,
    "reconnect": acts_faults.reconnect,
    "open_tab": acts_faults.open_tab,
    "close_tab": acts_faults.close_tab,
    "freeze": acts_faults.freeze,
    "thaw": acts_faults.thaw,
    "cut": acts_faults.cut,
    "go_offline": acts_faults.go_offline,
    "go_online": acts_faults.go_online,
    "hold": acts_faults.hold,
    "slow": acts_faults.slow,
    "restore": acts_faults.restore,
    "kill_server": acts_faults.kill_server,
    "stop_server": acts_faults.stop_server,
    "start_server": acts_faults.start_server,
    "restart_server": acts_faults.restart_server,
    "upgrade_server": acts_faults.upgrade_server,
    "advance": acts_faults.advance,
    "finish": _finish,
    "check": _never,
    "parallel": _never,
}
if _ACTS.keys() != ACTIONS.keys():
    raise AssertionError("each action needs what it does")
