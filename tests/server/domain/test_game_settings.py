"""Opening a game, its settings and decks, and changing them."""

from collections.abc import Callable

import pytest

import planningpoker.v1 as pb
from planning_poker_model.decks import BUILT_IN
from planning_poker_server.domain.types import Actor, Decision
from tests.server.domain.table import (
    GAME_ID,
    OWNER,
    START_MS,
    Table,
    accepted,
    hashed,
    refused,
    scrypted,
    secret_of,
    table,
)

ACTOR = Actor(OWNER, "", hashed(secret_of("Ada")), b"", None, "K7QF-3M")


def create(command: pb.CreateGame, actor: Actor = ACTOR) -> Decision:
    """Of a game with a name and a creator."""
    command.display_name = command.display_name or "Sprint 12"
    command.creator.display_name = command.creator.display_name or "Ada"
    command.creator.seat_secret = command.creator.seat_secret or secret_of("Ada")
    return Table().ask(pb.Command(game_id=GAME_ID, create_game=command), actor)


def created(command: pb.CreateGame) -> pb.Game:
    return accepted(create(command))[0].event.game_created.game


def settings_of(settings: pb.GameSettings) -> pb.GameSettings:
    return created(pb.CreateGame(settings=settings)).settings


def deck(*labels: str, name: str = "ours", **fields: pb.DeckScale.ValueType) -> pb.Deck:
    return pb.Deck(name=name, cards=[pb.Card(label=label) for label in labels], **fields)


def deck_refused(asked: pb.Deck) -> pb.Refusal:
    decision = create(pb.CreateGame(settings=pb.GameSettings(deck=asked)))
    assert isinstance(decision, pb.Refusal), "was accepted"
    return decision


def update(game: Table, change: pb.UpdateGame, actor: Actor | None = None) -> Decision:
    return game.do(pb.Command(player_id="p1", update_game=change), actor)


def test_a_game_with_a_player_is_two_events_of_one_append() -> None:
    drafts = accepted(create(pb.CreateGame()))
    kinds = [draft.event.WhichOneof("event") for draft in drafts]
    assert kinds == ["game_created", "player_joined"]
    ada = drafts[1].event.player_joined.player
    assert (ada.player_id, ada.facilitator, ada.role) == ("p1", True, pb.PLAYER_ROLE_VOTER)


def test_the_creator_may_be_an_observer_and_facilitates_all_the_same() -> None:
    join = pb.JoinGame(role=pb.PLAYER_ROLE_OBSERVER, external_id="slack:U1")
    ada = accepted(create(pb.CreateGame(creator=join)))[1].event.player_joined.player
    assert (ada.role, ada.facilitator, ada.external_id) == (
        pb.PLAYER_ROLE_OBSERVER,
        True,
        "slack:U1",
    )


def test_a_created_game_is_all_that_was_asked_for() -> None:
    game = created(pb.CreateGame(display_name=" Sprint 12 ", labels={"team": " core "}))
    assert game.game_id == GAME_ID
    assert game.display_name == "Sprint 12"
    assert game.join_code == "K7QF-3M"
    assert dict(game.labels) == {"team": "core"}
    assert (game.version, game.phase) == (1, pb.GAME_PHASE_LOBBY)
    assert game.create_time.ToMilliseconds() == START_MS
    assert not game.players
    assert not game.HasField("expire_time")
    assert not game.passcode_required
    assert table().state.passcode is None


def test_a_label_may_be_empty() -> None:
    assert dict(created(pb.CreateGame(labels={"archived": ""})).labels) == {"archived": ""}


def test_a_game_without_a_player_is_its_creators() -> None:
    game = Table()
    accepted(game.create(player=""))
    assert game.kinds() == ["game_created"]
    assert game.state.owner == OWNER


def test_a_game_without_a_player_needs_a_known_creator() -> None:
    command = pb.Command(create_game=pb.CreateGame(display_name="Sprint 12"))
    refused(Table().ask(command, Actor()), pb.REASON_UNAUTHENTICATED)


def test_opening_a_game_that_exists_is_refused() -> None:
    refused(table().create(), pb.REASON_CORRELATION_ID_REUSED)


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (pb.CreateGame(display_name=" "), "display_name"),
        (pb.CreateGame(display_name="x" * 101), "display_name"),
        (pb.CreateGame(display_name="a\u202eb"), "display_name"),
        (pb.CreateGame(labels={"team": "a\nb"}), "label"),
        (pb.CreateGame(labels={"team": "x" * 129}), "label"),
        (pb.CreateGame(creator=pb.JoinGame(display_name="x" * 41)), "display_name"),
        (pb.CreateGame(creator=pb.JoinGame(external_id="x" * 129)), "external_id"),
    ],
)
def test_text_that_cannot_be_kept_is_refused(command: pb.CreateGame, field: str) -> None:
    assert refused(create(command), pb.REASON_INVALID_TEXT).details["field"] == field


@pytest.mark.parametrize(
    ("command", "field"),
    [
        (pb.CreateGame(labels={str(n): "" for n in range(17)}), "labels"),
        (pb.CreateGame(labels={"Team": "x"}), "labels"),
        (pb.CreateGame(labels={"": "x"}), "labels"),
        (pb.CreateGame(labels={"x" * 64: "x"}), "labels"),
        (pb.CreateGame(labels={"a/../b": "x"}), "labels"),
        (pb.CreateGame(passcode="é" * 65), "passcode"),
        (pb.CreateGame(creator=pb.JoinGame(seat_secret=b"short")), "seat_secret"),
        (pb.CreateGame(creator=pb.JoinGame(role=7)), "role"),  # type: ignore[arg-type]
    ],
)
def test_a_value_out_of_bounds_is_refused(command: pb.CreateGame, field: str) -> None:
    assert refused(create(command), pb.REASON_INVALID_VALUE).details["field"] == field


def test_labels_at_their_bounds_are_fine() -> None:
    labels = {f"{n:02}".ljust(63, "-"): "x" * 128 for n in range(16)}
    assert dict(created(pb.CreateGame(labels=labels)).labels) == labels


def test_without_settings_everything_is_as_documented() -> None:
    assert created(pb.CreateGame()).settings == pb.GameSettings(
        deck=BUILT_IN["fibonacci"],
        reveal=pb.PERMISSION_FACILITATORS,
        manage_rounds=pb.PERMISSION_FACILITATORS,
        manage_stories=pb.PERMISSION_FACILITATORS,
        manage_players=pb.PERMISSION_FACILITATORS,
        electorate=pb.ELECTORATE_CONNECTED,
        auto_reveal=False,
    )


def test_settings_are_kept_as_asked_for() -> None:
    asked = pb.GameSettings(
        deck=BUILT_IN["t_shirt"],
        reveal=pb.PERMISSION_EVERYONE,
        manage_rounds=pb.PERMISSION_EVERYONE,
        manage_stories=pb.PERMISSION_EVERYONE,
        manage_players=pb.PERMISSION_EVERYONE,
        electorate=pb.ELECTORATE_INVITED,
        auto_reveal=True,
    )
    asked.reveal_countdown.seconds = 60
    asked.round_duration.seconds = 30 * 86_400
    asked.claim_grace.seconds = 86_400
    assert settings_of(asked) == asked


@pytest.mark.parametrize(
    ("field", "seconds"),
    [
        ("reveal_countdown", 61),
        ("reveal_countdown", -1),
        ("round_duration", 30 * 86_400 + 1),
        ("claim_grace", 86_401),
        ("claim_grace", 2**62),
    ],
)
def test_a_duration_out_of_bounds_is_refused(field: str, seconds: int) -> None:
    asked = pb.GameSettings()
    getattr(asked, field).seconds = seconds
    decision = create(pb.CreateGame(settings=asked))
    assert refused(decision, pb.REASON_INVALID_VALUE).details["field"] == field


@pytest.mark.parametrize(
    "field", ["reveal", "manage_rounds", "manage_stories", "manage_players", "electorate"]
)
def test_an_enum_value_that_is_not_known_is_refused(field: str) -> None:
    asked = pb.GameSettings()
    setattr(asked, field, 99)
    decision = create(pb.CreateGame(settings=asked))
    assert refused(decision, pb.REASON_INVALID_VALUE).details["field"] == field


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_deck_is_named_without_its_cards(name: str) -> None:
    asked = pb.GameSettings(deck=pb.Deck(name=name))
    assert settings_of(asked).deck == BUILT_IN[name]


@pytest.mark.parametrize("name", BUILT_IN)
def test_a_built_in_deck_may_come_back_with_its_own_cards(name: str) -> None:
    assert settings_of(pb.GameSettings(deck=BUILT_IN[name])).deck == BUILT_IN[name]


@pytest.mark.parametrize("name", ["", "fibonaci"])
def test_an_unknown_deck_without_cards_is_refused_naming_the_built_in_ones(name: str) -> None:
    refusal = deck_refused(pb.Deck(name=name))
    assert refusal.reason == pb.REASON_INVALID_VALUE
    assert "fibonacci, modified_fibonacci, powers_of_two, t_shirt" in refusal.message


def test_other_cards_under_a_built_in_name_are_refused() -> None:
    assert deck_refused(deck("1", "2", name="fibonacci")).details["field"] == "deck"


def test_a_deck_of_ones_own_is_kept_trimmed() -> None:
    asked = pb.Deck(
        name=" ours ",
        cards=[
            pb.Card(label=" 1 ", value=1),
            pb.Card(label="👍"),
            pb.Card(label="?", special=True),
        ],
    )
    kept = settings_of(pb.GameSettings(deck=asked)).deck
    assert (kept.name, [card.label for card in kept.cards]) == ("ours", ["1", "👍", "?"])
    assert kept.cards[0].value == 1
    assert kept.cards[2].special


@pytest.mark.parametrize(
    ("cards", "scale"),
    [
        ([pb.Card(label="1", value=1), pb.Card(label="x")], pb.DECK_SCALE_NUMERIC),
        ([pb.Card(label="a"), pb.Card(label="b")], pb.DECK_SCALE_ORDINAL),
        (
            [pb.Card(label="a"), pb.Card(label="b", value=1, special=True)],
            pb.DECK_SCALE_ORDINAL,
        ),
    ],
)
def test_a_scale_left_open_follows_from_the_cards(
    cards: list[pb.Card], scale: pb.DeckScale.ValueType
) -> None:
    asked = pb.GameSettings(deck=pb.Deck(name="ours", cards=cards))
    assert settings_of(asked).deck.scale == scale


def test_only_the_order_counts_on_an_ordinal_deck_whatever_its_values() -> None:
    asked = pb.Deck(
        name="sizes",
        scale=pb.DECK_SCALE_ORDINAL,
        cards=[pb.Card(label="S", value=3), pb.Card(label="M", value=1)],
    )
    assert settings_of(pb.GameSettings(deck=asked)).deck == asked


@pytest.mark.parametrize(
    ("asked", "field"),
    [
        (deck("1"), "cards"),
        (deck(*map(str, range(31))), "cards"),
        (deck("1", "1"), "cards"),
        (deck("1", " 1 "), "cards"),
        (deck("é", "e\u0301"), "cards"),
        (deck("1", ""), "card"),
        (deck("1", "123456789"), "card"),
        (deck("1", "2\u200b"), "card"),
        (deck("1", "\x1b[31m"), "card"),
        (deck("1", "2", name=""), "deck_name"),
        (deck("1", "2", name="x" * 41), "deck_name"),
        (deck("1", "2", scale=pb.DECK_SCALE_NUMERIC), "cards"),
        (deck("1", "2", scale=9), "scale"),  # type: ignore[arg-type]
    ],
)
def test_a_deck_that_cannot_be_played_with_is_refused(asked: pb.Deck, field: str) -> None:
    assert deck_refused(asked).details["field"] == field


@pytest.mark.parametrize("value", [float("nan"), float("inf"), float("-inf")])
def test_a_card_worth_no_number_is_refused(value: float) -> None:
    asked = deck("1", "2")
    asked.cards[0].value = value
    assert deck_refused(asked).details["field"] == "cards"


def test_cards_out_of_their_order_are_refused() -> None:
    asked = pb.Deck(name="x", cards=[pb.Card(label="2", value=2), pb.Card(label="1", value=1)])
    assert "lowest value first" in deck_refused(asked).message


@pytest.mark.parametrize("count", [2, 30])
def test_a_deck_has_two_to_thirty_cards(count: int) -> None:
    asked = deck(*[f"card {n:02}" for n in range(count)])
    assert len(settings_of(pb.GameSettings(deck=asked)).deck.cards) == count


def test_the_built_in_decks_are_not_changed_by_a_game() -> None:
    before = BUILT_IN["fibonacci"].SerializeToString(deterministic=True)
    game = table()
    game.view.to_game().settings.deck.cards[0].label = "changed"
    assert BUILT_IN["fibonacci"].SerializeToString(deterministic=True) == before


def test_name_and_settings_are_changed_and_the_rest_stays() -> None:
    game = table()
    accepted(update(game, pb.UpdateGame(display_name=" Retro ")))
    assert game.view.display_name == "Retro"
    accepted(update(game, pb.UpdateGame(settings=pb.GameSettings(auto_reveal=True))))
    assert game.view.display_name == "Retro"
    assert game.view.settings.auto_reveal


def test_settings_are_replaced_whole() -> None:
    game = table(pb.GameSettings(auto_reveal=True, deck=pb.Deck(name="t_shirt")))
    accepted(update(game, pb.UpdateGame(settings=pb.GameSettings())))
    assert not game.view.settings.auto_reveal
    assert game.view.settings.deck.name == "fibonacci"


def test_a_game_update_that_changes_nothing_has_no_event() -> None:
    game = table()
    for change in (
        pb.UpdateGame(),
        pb.UpdateGame(display_name="Sprint 12"),
        pb.UpdateGame(settings=pb.GameSettings()),
        pb.UpdateGame(settings=game.view.settings),
        pb.UpdateGame(passcode=""),
    ):
        assert accepted(update(game, change)) == []


@pytest.mark.parametrize("name", ["", " ", "x" * 101])
def test_a_game_must_keep_a_name(name: str) -> None:
    refused(update(table(), pb.UpdateGame(display_name=name)), pb.REASON_INVALID_TEXT)


def test_the_deck_cannot_change_while_a_round_is_open_but_the_rest_can() -> None:
    game = table()
    accepted(game.start())
    other = pb.GameSettings(deck=pb.Deck(name="t_shirt"))
    refused(update(game, pb.UpdateGame(settings=other)), pb.REASON_ROUND_OPEN)
    accepted(update(game, pb.UpdateGame(settings=pb.GameSettings(auto_reveal=True))))
    accepted(game.vote("p1", "5"))
    accepted(update(game, pb.UpdateGame(settings=other)))


def test_setting_the_same_passcode_again_is_a_change() -> None:
    game = Table()
    accepted(game.create(passcode="open sesame"))
    actor = game.actor("p1")._replace(new_passcode=scrypted("open sesame"))
    assert len(accepted(update(game, pb.UpdateGame(passcode="open sesame"), actor))) == 1
    assert game.view.passcode_required


def test_a_passcode_that_was_not_hashed_is_a_programming_error() -> None:
    with pytest.raises(ValueError, match="hash"):
        create(pb.CreateGame(passcode="open sesame"))


EVERYTHING: dict[str, Callable[[], pb.Command]] = {
    "update_game": lambda: pb.Command(update_game=pb.UpdateGame(display_name="x")),
    "end_game": lambda: pb.Command(end_game=pb.EndGame()),
    "leave_game": lambda: pb.Command(leave_game=pb.LeaveGame()),
    "update_player": lambda: pb.Command(update_player=pb.UpdatePlayer(display_name="x")),
    "add_stories": lambda: pb.Command(add_stories=pb.AddStories()),
    "start_round": lambda: pb.Command(start_round=pb.StartRound()),
    "submit_vote": lambda: pb.Command(submit_vote=pb.SubmitVote(round_id="r1", card="5")),
    "claim_facilitation": lambda: pb.Command(claim_facilitation=pb.ClaimFacilitation()),
}


@pytest.mark.parametrize("body", EVERYTHING)
def test_after_its_end_a_game_is_only_read(body: str) -> None:
    game = table()
    accepted(game.do(pb.Command(player_id="p1", end_game=pb.EndGame())))
    command = EVERYTHING[body]()
    command.player_id = "p1"
    refused(game.do(command), pb.REASON_GAME_ENDED)
    refused(game.join("Bob"), pb.REASON_GAME_ENDED)
    refused(game.join("Ada"), pb.REASON_GAME_ENDED)
