"""The folded state: gaps, trial copies and what they cost, and what its repr shows."""

import itertools
import sys

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import planningpoker.storage.v1 as storage
import planningpoker.v1 as pb
from planning_poker_model import limits
from planning_poker_server.domain.case import Case
from planning_poker_server.domain.ledger import Ledger
from planning_poker_server.domain.state import GameState
from planning_poker_server.domain.types import Actor, Draft
from tests.server.domain.dump import dump
from tests.server.domain.table import Table, accepted, fold, hashed, secret_of, table

MIB = 1 << 20


def test_a_gap_or_a_repetition_is_an_error_and_changes_nothing() -> None:
    game = table(None, "Bob")
    before = dump(game.state)
    for row in (game.rows[0], game.rows[-1]):
        event = pb.GameEvent.FromString(row.event)
        with pytest.raises(ValueError, match="does not follow"):
            game.state.evolve(event, storage.Sealed.FromString(row.sealed))
    late = pb.GameEvent(version=5, player_left=pb.PlayerLeft(player_id="p1"))
    with pytest.raises(ValueError, match="does not follow"):
        game.state.evolve(late, storage.Sealed())
    assert dump(game.state) == before


def test_an_event_of_an_unknown_kind_only_advances_the_version() -> None:
    game = table()
    event = pb.GameEvent.FromString(b"\xba\x3e\x02\x08\x01")
    event.version = 3
    before = dump(game.state)
    game.state.evolve(event, storage.Sealed())
    after = dump(game.state)
    assert game.state.version == 3
    assert {key for key in before if before[key] != after[key]} == {"view", "last_event_ms"}


def test_no_repr_shows_a_card_or_a_secret() -> None:
    game = table()
    accepted(game.start())
    accepted(game.vote("p1", "☕", "a reason"))
    vote = pb.SubmitVote(round_id="r1", card="☕", comment="a reason")
    (draft,) = accepted(game.ask(pb.Command(player_id="p1", submit_vote=vote)))
    actor = Actor("x", "p1", b"secret hash", b"proof", storage.SealedPasscode(salt=b"salt"))
    command = pb.Command(player_id="p1", submit_vote=vote)
    case = Case(game.state, command, actor, game.presence, game.now_ms, game.limits)
    for shown in map(repr, (game.state, draft, [draft], game.view, actor, case)):
        for hidden in ("☕", "a reason", "secret", "salt", "proof"):
            assert hidden not in shown
    assert isinstance(draft, Draft)


def test_what_happens_to_a_trial_copy_happens_to_nothing_else() -> None:
    game = table(None, "Bob", "Cy")
    accepted(game.add_story())
    accepted(game.start("s1"))
    for player_id in ("p1", "p2", "p3"):
        accepted(game.vote(player_id, "5"))
    before, original = dump(game.state), game.state
    game.state = original.fork()
    assert dump(game.state) == before
    accepted(game.vote("p1", "8"))
    accepted(game.retract("p1"))
    change = pb.UpdatePlayer(display_name="Robert", role=pb.PLAYER_ROLE_OBSERVER)
    accepted(game.do(pb.Command(player_id="p2", update_player=change)))
    accepted(game.do(pb.Command(player_id="p3", leave_game=pb.LeaveGame())))
    accepted(game.join("Dee"))
    accepted(game.vote("p4", "5"))
    accepted(game.reveal(force=True))
    accepted(game.add_story("Search"))
    assert dump(original) == before


def test_before_the_first_event_there_is_nothing() -> None:
    for state in (GameState(), GameState().fork()):
        assert (state.version, state.owner, state.passcode, state.timers()) == (0, "", None, ())
        assert state.seat_hash("p1") == b""
        assert state.player_with_secret(b"x") == ""
        assert state.own_vote("p1") == ("", "")
        assert dump(state) == dump(fold([]))


def containers(state: GameState) -> int:
    """How many entries a trial copy has to copy."""
    owned = 0
    fork = state.fork()
    for one, other in zip(parts(state), parts(fork), strict=True):
        if one is not other:
            owned += len(one)
    return owned


def parts(value: object) -> list[dict[object, object]]:
    found: list[dict[object, object]] = []
    for slot in getattr(type(value), "__slots__", ()):
        part = getattr(value, slot)
        if isinstance(part, dict):
            found.append(part)
        elif type(part).__module__.startswith("planning_poker"):
            found += parts(part)
    return found


def come_and_go(game: Table, count: int) -> None:
    for number in range(count):
        accepted(game.join(f"Guest {number}"))
        player_id = game.state.player_with_secret(hashed(secret_of(f"Guest {number}")))
        accepted(game.do(pb.Command(player_id=player_id, leave_game=pb.LeaveGame())))


def test_what_a_trial_copy_costs_does_not_grow_with_the_history() -> None:
    game = table(None, "Bob", "Cy")
    accepted(game.add_story())
    few = containers(game.state)
    come_and_go(game, 300)
    for _ in range(100):
        accepted(game.start("s1"))
        accepted(game.vote("p1", "5"))
        accepted(game.reveal(force=True))
    assert containers(game.state) < few + 64 + 8


def test_who_left_long_ago_is_still_known() -> None:
    game = table()
    come_and_go(game, 200)
    state = fold(game.rows)
    assert state.player_with_secret(hashed(secret_of("Guest 0"))) == "p2"
    assert state.player_with_secret(hashed(secret_of("Guest 199"))) == "p201"


def test_a_state_holds_no_more_after_many_rounds_than_after_one() -> None:
    def size(rounds: int) -> int:
        game = table()
        accepted(game.add_story())
        for _ in range(rounds):
            accepted(game.start("s1"))
            accepted(game.vote("p1", "5"))
            accepted(game.reveal())
        return sum(map(len, parts(game.state)))

    assert size(1) == size(50)


Entry = tuple[int, str]


@settings(max_examples=60, deadline=None, derandomize=True, database=None)
@given(
    st.lists(st.tuples(st.integers(0, 400), st.sampled_from("ab")), max_size=300),
    st.integers(0, 300),
)
def test_a_ledger_and_its_forks_are_like_dictionaries(entries: list[Entry], at: int) -> None:
    entries = list(itertools.islice(itertools.cycle(entries or [(0, "a")]), 0, 300))
    ledger: Ledger[int, str] = Ledger()
    plain: dict[int, str] = {}
    for key, value in entries[:at]:
        ledger[key] = plain[key] = value
    fork, forked = ledger.fork(), plain.copy()
    for number, (key, value) in enumerate(entries[at:]):
        ledger[key] = plain[key] = value
        fork[number], forked[number] = "fork", "fork"
    for key in range(401):
        assert ledger.get(key) == plain.get(key)
        assert fork.get(key) == forked.get(key)


def test_a_fork_has_what_there_was_and_what_was_replaced_since() -> None:
    ledger: Ledger[int, str] = Ledger()
    for number in range(1_000):
        ledger[number] = "old"
    for number in range(0, 1_000, 3):
        ledger[number] = "new"
    fork = ledger.fork()
    for number in range(1_000):
        ledger[number] = "later"
    assert {fork.get(number) for number in range(0, 1_000, 3)} == {"new"}
    assert {fork.get(number) for number in range(1, 1_000, 3)} == {"old"}
    assert {ledger.get(number) for number in range(1_000)} == {"later"}


def test_a_ledger_has_few_layers_however_much_it_holds() -> None:
    ledger: Ledger[int, int] = Ledger()
    for number in range(20_000):
        ledger[number] = number
    assert len(ledger._layers) <= 10
    assert sys.getsizeof(ledger.fork()._top) <= sys.getsizeof(dict.fromkeys(range(64)))
    assert all(ledger.get(number) == number for number in range(0, 20_000, 997))


def test_the_fullest_game_fits_in_what_grpc_clients_take_by_default() -> None:
    """Names, ids and reasons of the widest characters, and as many as there may be."""
    game = table(pb.GameSettings(electorate=pb.ELECTORATE_INVITED))
    for number in range(2, game.limits.max_players + 1):
        name, external_id = wide(number, limits.PLAYER_NAME), wide(number, limits.EXTERNAL_ID)
        accepted(game.join(name, external_id=external_id, connect=False))
    each = game.limits.max_story_bytes // game.limits.max_stories
    for number in range(1, game.limits.max_stories + 1):
        story = pb.NewStory(title="x", description="y" * (each - 1))
        accepted(game.do(pb.Command(player_id="p1", add_stories=pb.AddStories(stories=[story]))))
        accepted(game.accept(f"s{number}", wide(number, limits.ESTIMATE_VALUE)))
    accepted(game.start("s1"))
    for number in range(1, game.limits.max_players + 1):
        accepted(game.vote(f"p{number}", "8", wide(number, limits.VOTE_COMMENT)))
    accepted(game.reveal(force=True))
    assert len(game.view.to_game().SerializeToString()) < 3 * MIB
    assert max(len(row.event) for row in game.rows) < MIB


def wide(number: int, characters: int) -> str:
    """A text of its own, as long in bytes as so many characters can be."""
    return f"{number:04}".ljust(characters, "\N{GRINNING FACE}")
