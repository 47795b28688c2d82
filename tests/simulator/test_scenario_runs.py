"""A scenario fails where the game is not as it says, and where the product breaks a promise."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from planning_poker_client.inbox import Inbox
from planning_poker_server.audience import Audience
from planning_poker_server.domain import votes
from planning_poker_server.room import Room
from planning_poker_simulator import PokerServer
from planning_poker_simulator.scenarios import Result, load_scenario, run_scenario, shipped

QUIET_S = 0.3

pytestmark = pytest.mark.redelivers


def source(name: str) -> str:
    (path,) = (path for path in shipped() if path.stem == name)
    return path.read_text(encoding="utf-8")


async def played(text: str) -> Result:
    return await run_scenario(load_scenario(text, "x.yaml"), quiet_s=QUIET_S)


async def failures(text: str) -> list[str]:
    result = await played(text)
    assert not result.passed
    return [str(each) for each in result.failures]


# The scenario says something else


@pytest.mark.parametrize(
    ("name", "was", "becomes", "failure"),
    [
        ("specification", "votes: {Alice: 5, Bob: 8}", "votes: {Alice: 5, Bob: 13}", "Bob: 8"),
        ("specification", "- phase: revealed", "- phase: voting", "it is revealed"),
        ("specification", "vote_submitted: 2", "vote_submitted: 3", "vote_submitted: 2"),
        ("specification", "absent: none", "absent: [Bob]", "absent: none"),
        ("late-joiner", "did_not_see: {Cy: round_started}", "saw: {Cy: round_started}", "none"),
        ("late-joiner", "own_card: {Ada: 5,", "own_card: {Ada: 8,", "Ada: 5"),
        ("late-joiner", "expect: NOT_ALL_PLAYERS_VOTED", "expect: NO_VOTES", "NOT_ALL_PLAYERS"),
        ("two-tabs", "present: [Ada, Bob]", "present: [Ada]", "it is Ada, Bob"),
        ("slow-reader", "resynced: [Cy]", "not_resynced: [Cy]", "it is Cy"),
        ("t-shirts", "median_card: M", "median_card: L", "median_card: M"),
        ("t-shirts", "estimates: {Login page: M", "estimates: {Login: M", "no such story"),
        ("facilitator-leaves", "let_go: {Ada: REQUESTED", "let_go: {Ada: REMOVED", "REQUESTED"),
        ("revote-to-consensus", "number: 3", "number: 4", "no such round was revealed"),
        ("name-taken", "NAME_TAKEN: 2", "NAME_TAKEN: 1", "NAME_TAKEN: 2"),
    ],
)
async def test_what_is_expected_wrongly_fails(
    name: str, was: str, becomes: str, failure: str
) -> None:
    text = source(name)
    assert was in text
    found = await failures(text.replace(was, becomes, 1))
    line = text[: text.index(was)].count("\n") + 1
    assert any(failure in each for each in found), found
    assert any(each.startswith(f"line {n}: ") for n in range(line - 3, line + 1) for each in found)


async def test_a_failure_says_what_happened_last() -> None:
    text = source("double-click-on-reveal").replace("votes_revealed: 1", "votes_revealed: 3")
    result = await played(text)
    assert result.last_events[-1].startswith("9 votes revealed (Ada 5, Bob 8) by ")
    assert result.answers == {"accepted": 8, "ROUND_CLOSED": 2}


@pytest.mark.parametrize(
    ("actions", "failure"),
    [
        ("- reveal:", "nobody has joined, so there is no game yet"),
        ("- join: Ada\n  - vote: {Bob: 5}", "Bob has not joined"),
        ("- join: Ada\n  - disconnect: Ada\n  - start:", "Ada has no program open"),
        ("- join: Ada\n  - {start: , tab: 2}", "Ada has no window 2"),
        ("- join: Ada\n  - vote: {Ada: 5}", "expected accepted, but it was NO_ROUND"),
        ("- join: Ada\n  - remove_story: Login", "there is no story “Login” in the backlog"),
        ("- join: Ada\n  - start_server:", "the server runs"),
        ("- check: [{phase: lobby}]", "nobody has joined"),
    ],
)
async def test_what_cannot_be_done_fails_at_its_line(actions: str, failure: str) -> None:
    text = f"name: x\nplayers: [Ada, Bob]\nactions:\n  {actions}\noutcomes: []\n"
    found = await failures(text)
    assert failure in found[0]


# The product breaks a promise


@pytest.fixture
def plant(monkeypatch: pytest.MonkeyPatch) -> Callable[[Any, str, Any], None]:
    return lambda owner, name, bug: monkeypatch.setattr(owner, name, bug)


async def test_a_card_that_is_sent_to_others_is_found(
    plant: Callable[[Any, str, Any], None],
) -> None:
    def tell_all(audience: Audience, name: str, player_id: str) -> None:
        for outbox in audience._subscribers.values():
            outbox._seat_states[player_id] = None

    plant(Audience, "_seat_changed", tell_all)
    found = await failures(source("late-joiner"))
    assert any("the promise “no card early”" in each for each in found), found


async def test_an_answer_that_is_forgotten_is_found(
    plant: Callable[[Any, str, Any], None],
) -> None:
    plant(Room, "_receipt", lambda room, sender, correlation_id, batch: None)
    found = await failures(source("lost-answer"))
    assert any("vote_submitted: 3" in each for each in found), found
    assert any("the promise “once”" in each for each in found), found


async def test_a_late_vote_that_lands_on_another_round_is_found(
    plant: Callable[[Any, str, Any], None],
) -> None:
    plant(votes, "round_problem", lambda case, round_id: None)
    found = await failures(source("offline-vote-arrives-late"))
    assert any("expected ROUND_CLOSED, but it was accepted" in each for each in found), found


async def test_a_program_that_leaves_an_event_out_is_found(
    plant: Callable[[Any, str, Any], None],
) -> None:
    receive = Inbox.receive

    def forget_votes(inbox: Inbox, batch: Any, now: float, pace: Any) -> Any:
        for event in batch.events:
            if event.WhichOneof("event") == "vote_submitted":
                event.vote_submitted.player_id = "p1"
        return receive(inbox, batch, now, pace)

    plant(Inbox, "receive", forget_votes)
    found = await failures(source("late-joiner").replace("      - voted: [Ada, Bob]\n", ""))
    assert any("another game is shown by" in each for each in found), found


# On a server that runs already


async def test_a_scenario_is_played_on_a_server_that_runs_already(tmp_path: Path) -> None:
    async with PokerServer(tmp_path) as server:
        for name in ("specification", "passcode", "two-tabs"):
            text = source(name).replace("  - advance: 20s\n", "")
            scenario = load_scenario(text, "x.yaml")
            result = await run_scenario(scenario, address=server.address)
            assert result.passed, result.failures
        assert server.connections == 0
