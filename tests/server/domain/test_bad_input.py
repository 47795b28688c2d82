"""Input that nobody should send: refused with a sentence, without effect."""

import pytest

import planningpoker.v1 as pb
from planning_poker_model.limits import GameLimits
from planning_poker_server.domain.types import Actor
from tests.server.domain.dump import dump
from tests.server.domain.table import Table, accepted, refused, secret_of, table

IDS = ["", "p", "1", "P1", "p1 ", " p1", "p-1", "p1'--", "../p1", "p*", "p>", "p.1", "p１"]
LONG = "p" + "1" * 10_000


@pytest.fixture
def game() -> Table:
    game = table(None, "Bob")
    accepted(game.add_story())
    accepted(game.start("s1"))
    return game


@pytest.mark.parametrize("player_id", [*IDS[1:], LONG, "s1"])
def test_an_id_of_a_player_that_no_game_gives_out_is_refused(game: Table, player_id: str) -> None:
    remove = pb.Command(player_id="p1", remove_player=pb.RemovePlayer(player_id=player_id))
    refusal = refused(game.do(remove), pb.REASON_INVALID_ID)
    assert refusal.details["field"] == "player_id"
    assert refusal.message == "The player id must be one that this game gave out, like p1."
    acting = pb.Command(player_id=player_id, end_game=pb.EndGame())
    refused(game.ask(acting, Actor("", player_id, b"x")), pb.REASON_INVALID_ID)


@pytest.mark.parametrize("story_id", ["s", "s 1", "../s1", "s1\n", "S1", "p1", LONG])
def test_an_id_of_a_story_that_no_game_gives_out_is_refused(game: Table, story_id: str) -> None:
    for body in (
        pb.Command(remove_story=pb.RemoveStory(story_id=story_id)),
        pb.Command(update_story=pb.UpdateStory(story_id=story_id)),
        pb.Command(move_story=pb.MoveStory(story_id=story_id)),
        pb.Command(accept_estimate=pb.AcceptEstimate(story_id=story_id, value="5")),
        pb.Command(start_round=pb.StartRound(story_id=story_id, abandon_open=True)),
    ):
        body.player_id = "p1"
        refused(game.do(body), pb.REASON_INVALID_ID)


@pytest.mark.parametrize("round_id", ["", "r", "r0x", "../r1", "r1;", "R1", "s1", LONG])
def test_an_id_of_a_round_that_no_game_gives_out_is_refused(game: Table, round_id: str) -> None:
    for body in (
        pb.Command(submit_vote=pb.SubmitVote(round_id=round_id, card="5")),
        pb.Command(retract_vote=pb.RetractVote(round_id=round_id)),
        pb.Command(reveal_votes=pb.RevealVotes(round_id=round_id)),
        pb.Command(set_deadline=pb.SetDeadline(round_id=round_id)),
        pb.Command(abandon_round=pb.AbandonRound(round_id=round_id)),
    ):
        body.player_id = "p1"
        refused(game.do(body), pb.REASON_INVALID_ID)


NAMES = [
    "",
    " ",
    "Bob\nADMIN logged in",
    "\x1b[2JBob",
    "Bob\u202egpj",
    "B\u200bob",
    "x" * 41,
    "x" * 10_000,
]


@pytest.mark.parametrize("name", NAMES)
def test_a_name_that_breaks_a_line_or_deceives_is_refused(name: str) -> None:
    game = table()
    refusal = refused(game.join(name), pb.REASON_INVALID_TEXT)
    assert (refusal.details["field"], refusal.details["limit"]) == ("display_name", "40")
    assert refusal.message.isprintable()
    change = pb.UpdatePlayer(display_name=name)
    decision = game.do(pb.Command(player_id="p1", update_player=change))
    refused(decision, pb.REASON_INVALID_TEXT)


def test_the_message_names_the_field_and_the_limit() -> None:
    refusal = refused(table().join("x" * 41), pb.REASON_INVALID_TEXT)
    assert refusal.message == "The display name has 41 characters; at most 40 are possible."


@pytest.mark.parametrize("role", [3, 99, -1])
def test_a_role_that_is_not_known_is_refused(role: int) -> None:
    game = table()
    join = pb.JoinGame(display_name="Bob", seat_secret=secret_of("Bob"), role=role)  # type: ignore[arg-type]
    refused(game.ask(pb.Command(join_game=join), Actor()), pb.REASON_INVALID_VALUE)
    change = pb.UpdatePlayer(display_name="Ada L.", role=role)  # type: ignore[arg-type]
    decision = game.do(pb.Command(player_id="p1", update_player=change))
    refused(decision, pb.REASON_INVALID_VALUE)


def test_an_empty_command_is_malformed() -> None:
    refused(table().ask(pb.Command(player_id="p1")), pb.REASON_MALFORMED)


def test_a_command_of_a_later_version_is_unknown() -> None:
    later = pb.Command.FromString(b"\xba\x3e\x02\x08\x01")
    refused(table().ask(later), pb.REASON_UNKNOWN_COMMAND)


def test_what_a_client_hides_in_unknown_fields_does_not_reach_the_log() -> None:
    smuggled = b"\xba\x3e\x08smuggled"
    deck = pb.Deck(name="ours", cards=[pb.Card(label="1"), pb.Card(label="2")])
    settings = pb.GameSettings.FromString(pb.GameSettings(deck=deck).SerializeToString() + smuggled)
    settings.deck.MergeFromString(smuggled)
    settings.deck.cards[0].MergeFromString(smuggled)
    settings.reveal_countdown.seconds = 5
    settings.reveal_countdown.MergeFromString(smuggled)
    game = table(settings)
    story = pb.NewStory.FromString(pb.NewStory(title="x").SerializeToString() + smuggled)
    add = pb.AddStories(stories=[story])
    accepted(game.do(pb.Command(player_id="p1", add_stories=add)))
    accepted(game.do(pb.Command(player_id="p1", update_game=pb.UpdateGame(settings=settings))))
    accepted(game.start("s1"))
    for row in game.rows:
        assert b"smuggled" not in row.event + row.sealed


def test_a_stale_expected_version_is_refused_with_the_current_one(game: Table) -> None:
    command = pb.Command(player_id="p1", end_game=pb.EndGame(), expected_version=2)
    refusal = refused(game.do(command), pb.REASON_VERSION_CONFLICT)
    assert refusal.current_version == game.state.version
    assert str(game.state.version) in refusal.message
    command.expected_version = game.state.version
    accepted(game.do(command))


def test_an_expected_version_of_zero_is_not_the_same_as_none(game: Table) -> None:
    command = pb.Command(player_id="p1", end_game=pb.EndGame(), expected_version=0)
    refused(game.do(command), pb.REASON_VERSION_CONFLICT)


def test_a_refusal_changes_nothing(game: Table) -> None:
    before = dump(game.state)
    for decision in (
        game.vote("p1", "7"),
        game.join("Bob", secret=secret_of("x")),
        game.start("s9"),
    ):
        assert isinstance(decision, pb.Refusal)
    assert dump(game.state) == before


def test_a_full_history_takes_nothing_but_its_end() -> None:
    game = Table(GameLimits(max_events=12))
    accepted(game.create())
    accepted(game.start())
    while not isinstance(decision := game.vote("p1", "5"), pb.Refusal):
        pass
    refusal = refused(decision, pb.REASON_HISTORY_FULL)
    assert refusal.details["limit"] == "12"
    assert game.state.version == 9
    assert accepted(game.join("Ada")) == []
    accepted(game.do(pb.Command(player_id="p1", end_game=pb.EndGame())))
    assert game.kinds()[-2:] == ["round_abandoned", "game_ended"]


def test_what_changes_nothing_is_accepted_however_full_the_history() -> None:
    game = Table(GameLimits(max_events=7))
    accepted(game.create())
    command = pb.StartRound()
    command.duration.seconds = 1
    accepted(game.do(pb.Command(player_id="p1", start_round=command)))
    accepted(game.vote("p1", "5"))
    game.now_ms += 1_000
    accepted(game.fire("deadline"))
    assert game.state.version == 5
    assert accepted(game.join("Ada")) == []
    refused(game.join("Bob"), pb.REASON_HISTORY_FULL)


def test_presence_cannot_fill_a_history_either() -> None:
    settings = pb.GameSettings(auto_reveal=True)
    settings.reveal_countdown.seconds = 60
    game = Table(GameLimits(max_events=20))
    accepted(game.create(settings))
    accepted(game.join("Bob"))
    accepted(game.start())
    accepted(game.vote("p1", "5"))
    for _ in range(20):
        game.disconnect("p2")
        game.connect("p2")
    assert game.state.version == 17
    accepted(game.do(pb.Command(player_id="p1", end_game=pb.EndGame())))
    assert game.state.version <= 20


def test_every_refusal_has_the_code_that_its_reason_has(game: Table) -> None:
    refusal = refused(game.vote("p1", "7"), pb.REASON_CARD_NOT_IN_DECK)
    assert refusal.code == 3
    assert not refusal.retryable
    assert refusal.definite
