"""Rounds from their start to the reveal, and the votes in them."""

import pytest

import planningpoker.v1 as pb
from planning_poker_server.domain.types import Decision
from tests.server.domain.table import START_MS, Table, accepted, refused, table


def start(game: Table, command: pb.StartRound) -> Decision:
    return game.do(pb.Command(player_id="p1", start_round=command))


def abandon(game: Table, round_id: str = "") -> Decision:
    command = pb.AbandonRound(round_id=round_id or game.round_id)
    return game.do(pb.Command(player_id="p1", abandon_round=command))


@pytest.fixture
def game() -> Table:
    """Ada, Bob and the stories s1 and s2; no round yet."""
    game = table(None, "Bob")
    accepted(game.add_story("Login page"))
    accepted(game.add_story("Search"))
    return game


def test_a_round_opens_with_the_games_deck_and_no_votes(game: Table) -> None:
    accepted(game.start("s1"))
    opened = game.view.to_game().current_round
    assert (opened.round_id, opened.story_id, opened.number) == ("r1", "s1", 1)
    assert opened.status == pb.ROUND_STATUS_OPEN
    assert opened.deck == game.view.settings.deck
    assert opened.start_time.ToMilliseconds() == START_MS
    assert not opened.voted_player_ids


def test_again_is_the_storys_next_round(game: Table) -> None:
    for number in (1, 2):
        accepted(game.start("s1"))
        assert game.view.stories["s1"].round_count == number
        assert game.view.to_game().current_round.number == number
        accepted(abandon(game))
    accepted(game.start("s2"))
    assert game.view.to_game().current_round.number == 1


def test_a_vote_can_run_without_a_story(game: Table) -> None:
    accepted(game.start())
    assert game.view.current_story is None
    accepted(game.vote("p1", "5"))
    accepted(game.vote("p2", "5"))
    accepted(game.reveal())
    assert game.view.votes["p1"].card == "5"
    assert game.view.to_game().current_round.number == 1


def test_while_a_round_is_open_another_is_refused(game: Table) -> None:
    accepted(game.start("s1"))
    refused(game.start("s2"), pb.REASON_ROUND_OPEN)
    refused(game.start("s1"), pb.REASON_ROUND_OPEN)


def test_told_to_abandon_the_open_round_it_starts_the_next(game: Table) -> None:
    accepted(game.start("s1"))
    version = game.state.version
    accepted(start(game, pb.StartRound(story_id="s2", abandon_open=True)))
    assert game.kinds(version) == ["round_abandoned", "round_started"]
    assert game.round_id == "r2"


def test_abandon_open_without_an_open_round_just_starts(game: Table) -> None:
    version = game.state.version
    accepted(start(game, pb.StartRound(abandon_open=True)))
    assert game.kinds(version) == ["round_started"]


def test_an_abandoned_round_leaves_the_lobby_and_no_votes(game: Table) -> None:
    accepted(game.start("s1"))
    accepted(game.vote("p1", "5"))
    accepted(abandon(game))
    assert game.view.phase == pb.GAME_PHASE_LOBBY
    assert game.state.own_vote("p1") == ("", "")
    refused(game.vote("p1", "5"), pb.REASON_ROUND_CLOSED)


def test_a_vote_shows_who_and_not_what(game: Table) -> None:
    accepted(game.start())
    accepted(game.vote("p2", "8", "a hard one"))
    event = game.events[-1]
    assert event.vote_submitted == pb.VoteSubmitted(round_id="r1", player_id="p2")
    assert event.actor_id == "p2"
    assert game.state.own_vote("p2") == ("8", "a hard one")
    assert game.state.own_vote("p1") == ("", "")


def test_the_size_of_a_voted_event_does_not_depend_on_the_card(game: Table) -> None:
    accepted(game.start())
    sizes = set()
    for card, comment in [("0", ""), ("89", ""), ("☕", ""), ("8", "x" * 140)]:
        accepted(game.vote("p2", card, comment))
        version = game.events[-1].version
        sizes.add(len(game.rows[version - 1].event))
    assert len(sizes) == 1


def test_changing_a_vote_looks_like_casting_one_even_the_same_card_again(game: Table) -> None:
    accepted(game.start())
    for card in ("5", "8", "8"):
        accepted(game.vote("p2", card))
    same = {event.vote_submitted.SerializeToString() for event in game.events[-3:]}
    assert len(same) == 1
    assert game.state.own_vote("p2") == ("8", "")
    assert list(game.view.voted) == ["p2"]


def test_a_changed_vote_drops_the_earlier_comment(game: Table) -> None:
    accepted(game.start())
    accepted(game.vote("p2", "5", "because"))
    accepted(game.vote("p2", "5"))
    assert game.state.own_vote("p2") == ("5", "")


def test_a_vote_is_retracted(game: Table) -> None:
    accepted(game.start())
    accepted(game.vote("p2", "5"))
    accepted(game.retract("p2"))
    assert not game.view.has_voted("p2")
    assert game.state.own_vote("p2") == ("", "")
    assert accepted(game.retract("p2")) == []


def test_a_late_joiner_votes_in_the_open_round(game: Table) -> None:
    accepted(game.start())
    accepted(game.join("Cy"))
    accepted(game.vote("p3", "5"))


def test_an_observer_cannot_vote(game: Table) -> None:
    accepted(game.start())
    accepted(game.join("Olga", role=pb.PLAYER_ROLE_OBSERVER))
    refused(game.vote("p3", "5"), pb.REASON_OBSERVER_CANNOT_VOTE)


def test_an_observer_cannot_vote_even_where_everyone_may_do_everything() -> None:
    everyone = pb.PERMISSION_EVERYONE
    game = table(pb.GameSettings(reveal=everyone, manage_rounds=everyone))
    accepted(game.join("Olga", role=pb.PLAYER_ROLE_OBSERVER))
    accepted(game.start(sender="p2"))
    refused(game.vote("p2", "5"), pb.REASON_OBSERVER_CANNOT_VOTE)


def test_a_card_that_is_not_in_the_deck_is_refused_naming_those_that_are(game: Table) -> None:
    accepted(game.start())
    refusal = refused(game.vote("p2", "7"), pb.REASON_CARD_NOT_IN_DECK)
    assert refusal.message == "7 is not in this deck: 0 1 2 3 5 8 13 21 34 55 89 ? ☕"


@pytest.mark.parametrize("card", ["", " ", "123456789", "5\n5", "\x1b[31m"])
def test_a_card_that_no_deck_can_have_is_refused_without_repeating_it(
    game: Table, card: str
) -> None:
    accepted(game.start())
    refusal = refused(game.vote("p2", card), pb.REASON_INVALID_TEXT)
    assert refusal.details["field"] == "card"


def test_a_card_is_trimmed(game: Table) -> None:
    accepted(game.start())
    accepted(game.vote("p2", " 8 "))
    assert game.state.own_vote("p2") == ("8", "")


def test_a_comment_has_at_most_140_characters(game: Table) -> None:
    accepted(game.start())
    accepted(game.vote("p2", "5", "x" * 140))
    refusal = refused(game.vote("p2", "5", "x" * 141), pb.REASON_INVALID_TEXT)
    assert (refusal.details["field"], refusal.details["limit"]) == ("comment", "140")


def test_a_vote_after_the_reveal_is_refused_with_the_version_that_closed_the_round(
    game: Table,
) -> None:
    accepted(game.start())
    accepted(game.vote("p1", "5"))
    accepted(game.reveal(force=True))
    closed = game.state.version
    accepted(game.add_story("Later"))
    refusal = refused(game.vote("p2", "5"), pb.REASON_ROUND_CLOSED)
    assert refusal.details["closed_version"] == str(closed)
    assert f"version {closed}" in refusal.message
    assert refusal.current_version == closed + 1


def test_a_late_command_never_lands_on_another_round(game: Table) -> None:
    accepted(game.start("s1"))
    accepted(game.vote("p1", "5"))
    accepted(game.reveal(force=True))
    accepted(game.start("s2"))
    accepted(game.vote("p1", "8"))
    before = game.state.version
    late: list[pb.Command] = [
        pb.Command(submit_vote=pb.SubmitVote(round_id="r1", card="3")),
        pb.Command(retract_vote=pb.RetractVote(round_id="r1")),
        pb.Command(reveal_votes=pb.RevealVotes(round_id="r1", force=True)),
        pb.Command(cancel_reveal=pb.CancelReveal(round_id="r1")),
        pb.Command(set_deadline=pb.SetDeadline(round_id="r1")),
        pb.Command(abandon_round=pb.AbandonRound(round_id="r1")),
    ]
    for command in late:
        command.player_id = "p1"
        refusal = refused(game.do(command), pb.REASON_ROUND_CLOSED)
        assert "r2" in refusal.message
    assert game.state.version == before
    assert game.state.own_vote("p1") == ("8", "")


def test_a_round_that_never_was_is_closed_too(game: Table) -> None:
    refused(game.vote("p1", "5", round_id="r1"), pb.REASON_ROUND_CLOSED)
    accepted(game.start())
    refused(game.vote("p1", "5", round_id="r2"), pb.REASON_ROUND_CLOSED)


def test_a_reveal_needs_a_vote_even_when_forced(game: Table) -> None:
    accepted(game.start())
    refused(game.reveal(), pb.REASON_NO_VOTES)
    refused(game.reveal(force=True), pb.REASON_NO_VOTES)


def test_a_reveal_waits_for_connected_voters_and_names_them(game: Table) -> None:
    accepted(game.join("Cy"))
    accepted(game.start())
    accepted(game.vote("p1", "5"))
    refusal = refused(game.reveal(), pb.REASON_NOT_ALL_PLAYERS_VOTED)
    assert list(refusal.player_ids) == ["p2", "p3"]
    assert refusal.message == "Bob and Cy have not voted; wait, or reveal with force."


def test_at_most_a_hundred_of_those_missing_are_listed_and_ten_named() -> None:
    game = table(None, *[f"Player {n}" for n in range(150)])
    accepted(game.start())
    accepted(game.vote("p1", "5"))
    refusal = refused(game.reveal(), pb.REASON_NOT_ALL_PLAYERS_VOTED)
    assert len(refusal.player_ids) == 100
    assert "Player 8 and 141 others have" in refusal.message


@pytest.mark.parametrize(
    ("missing", "said"),
    [
        (1, "Player 0 has not voted"),
        (10, "Player 8 and Player 9 have not voted"),
        (11, "Player 8 and 2 others have not voted"),
    ],
)
def test_up_to_ten_are_named_and_of_more_nine(missing: int, said: str) -> None:
    game = table(None, *[f"Player {n}" for n in range(missing)])
    accepted(game.start())
    accepted(game.vote("p1", "5"))
    assert said in refused(game.reveal(), pb.REASON_NOT_ALL_PLAYERS_VOTED).message


def test_what_a_person_does_has_that_person_as_its_actor(game: Table) -> None:
    accepted(game.start())
    accepted(game.vote("p1", "5"))
    accepted(game.reveal(force=True))
    assert game.events[-1].actor_id == "p1"
    accepted(game.start())
    accepted(game.do(pb.Command(player_id="p1", end_game=pb.EndGame())))
    assert [event.actor_id for event in game.events[-2:]] == ["p1", "p1"]


def test_an_abandoned_round_says_since_when_it_is_closed(game: Table) -> None:
    accepted(game.start())
    accepted(abandon(game))
    refusal = refused(game.vote("p1", "5"), pb.REASON_ROUND_CLOSED)
    assert refusal.details["closed_version"] == str(game.state.version)


def test_a_forced_reveal_turns_what_there_is_and_says_so(game: Table) -> None:
    accepted(game.start("s1"))
    accepted(game.vote("p1", "5", "easy"))
    accepted(game.reveal(force=True))
    event = game.events[-1].votes_revealed
    assert event.forced
    assert list(event.round.missing_player_ids) == ["p2"]
    assert event.story == game.view.stories["s1"]
    assert list(event.round.votes) == [
        pb.Vote(player_id="p1", display_name="Ada", card="5", comment="easy")
    ]
    assert event.round.statistics.vote_count == 1
    assert event.round.status == pb.ROUND_STATUS_REVEALED
    assert event.round.reveal_time.ToMilliseconds() == game.now_ms


def test_force_where_nobody_is_missing_is_no_forced_reveal(game: Table) -> None:
    accepted(game.start())
    accepted(game.vote("p1", "5"))
    accepted(game.vote("p2", "5"))
    accepted(game.reveal(force=True))
    assert not game.events[-1].votes_revealed.forced


def test_who_is_away_blocks_nobody_and_is_recorded_as_absent(game: Table) -> None:
    accepted(game.join("Cy", connect=False))
    accepted(game.start())
    accepted(game.vote("p1", "5"))
    game.disconnect("p2")
    accepted(game.reveal())
    event = game.events[-1].votes_revealed
    assert not event.forced
    assert list(event.absent_player_ids) == ["p2", "p3"]
    assert list(event.round.missing_player_ids) == ["p2", "p3"]


def test_who_voted_and_went_away_counts_and_is_recorded_as_absent(game: Table) -> None:
    accepted(game.start())
    accepted(game.vote("p1", "5"))
    accepted(game.vote("p2", "8"))
    game.disconnect("p2")
    accepted(game.reveal())
    event = game.events[-1].votes_revealed
    assert list(event.absent_player_ids) == ["p2"]
    assert list(event.round.missing_player_ids) == []
    assert game.view.votes["p2"].card == "8"


def test_a_proxied_seat_blocks_nobody_and_is_never_absent(game: Table) -> None:
    accepted(game.join("Cy", proxied=True))
    accepted(game.start())
    accepted(game.vote("p1", "5"))
    accepted(game.vote("p2", "5"))
    accepted(game.reveal())
    event = game.events[-1].votes_revealed
    assert list(event.absent_player_ids) == []
    assert list(event.round.missing_player_ids) == ["p3"]


def test_a_proxied_seat_is_not_waited_for_even_if_its_bot_is_connected(game: Table) -> None:
    accepted(game.join("Cy", proxied=True))
    game.connect("p3")
    accepted(game.start())
    accepted(game.vote("p1", "5"))
    accepted(game.vote("p2", "5"))
    accepted(game.reveal())


def test_who_becomes_an_observer_after_the_reveal_keeps_the_turned_card(game: Table) -> None:
    accepted(game.start())
    accepted(game.vote("p1", "5"))
    accepted(game.vote("p2", "8"))
    accepted(game.reveal())
    change = pb.UpdatePlayer(role=pb.PLAYER_ROLE_OBSERVER)
    accepted(game.do(pb.Command(player_id="p2", update_player=change)))
    assert game.state.own_vote("p2") == ("8", "")
    assert game.view.votes["p2"].card == "8"


def test_an_observer_is_never_missing_nor_absent(game: Table) -> None:
    accepted(game.join("Olga", role=pb.PLAYER_ROLE_OBSERVER, connect=False))
    accepted(game.start())
    accepted(game.vote("p1", "5"))
    accepted(game.vote("p2", "5"))
    accepted(game.reveal())
    event = game.events[-1].votes_revealed
    assert list(event.absent_player_ids) == []
    assert list(event.round.missing_player_ids) == []


def test_an_asynchronous_game_waits_for_all_voters_connected_or_not() -> None:
    game = table(pb.GameSettings(electorate=pb.ELECTORATE_INVITED), "Bob")
    accepted(game.join("Cy", proxied=True))
    game.disconnect("p2")
    accepted(game.start())
    accepted(game.vote("p1", "5"))
    refusal = refused(game.reveal(), pb.REASON_NOT_ALL_PLAYERS_VOTED)
    assert list(refusal.player_ids) == ["p2", "p3"]
    accepted(game.vote("p2", "5"))
    accepted(game.vote("p3", "5"))
    accepted(game.reveal())


def test_votes_are_in_the_order_of_first_votes(game: Table) -> None:
    accepted(game.start())
    for player_id, card in [("p2", "5"), ("p1", "8"), ("p2", "13")]:
        accepted(game.vote(player_id, card))
    accepted(game.reveal())
    votes = game.events[-1].votes_revealed.round.votes
    assert [(vote.player_id, vote.card) for vote in votes] == [("p2", "13"), ("p1", "8")]


def test_a_revealed_round_can_be_revealed_no_more(game: Table) -> None:
    accepted(game.start())
    accepted(game.vote("p1", "5"))
    accepted(game.reveal(force=True))
    refused(game.reveal(force=True), pb.REASON_ROUND_CLOSED)


def test_adding_and_starting_other_stories_never_loses_votes(game: Table) -> None:
    accepted(game.start("s1"))
    accepted(game.vote("p1", "5"))
    accepted(game.add_story("Third"))
    refused(game.start("s2"), pb.REASON_ROUND_OPEN)
    assert game.state.own_vote("p1") == ("5", "")


def test_finished_rounds_keep_the_deck_they_were_played_with(game: Table) -> None:
    accepted(game.start())
    accepted(game.vote("p1", "5"))
    accepted(game.reveal(force=True))
    update = pb.UpdateGame(settings=pb.GameSettings(deck=pb.Deck(name="t_shirt")))
    accepted(game.do(pb.Command(player_id="p1", update_game=update)))
    assert game.view.to_game().current_round.deck.name == "fibonacci"
    accepted(game.start())
    refused(game.vote("p1", "5"), pb.REASON_CARD_NOT_IN_DECK)
    accepted(game.vote("p1", "XL"))


def test_the_name_at_the_reveal_stays_with_the_vote(game: Table) -> None:
    accepted(game.start())
    accepted(game.vote("p2", "5"))
    accepted(game.reveal(force=True))
    change = pb.UpdatePlayer(display_name="Robert")
    accepted(game.do(pb.Command(player_id="p2", update_player=change)))
    assert game.view.votes["p2"].display_name == "Bob"
