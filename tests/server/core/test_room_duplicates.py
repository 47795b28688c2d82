"""A command sent again takes effect once and gets the same answer, to its sender only."""

from dataclasses import replace

import planningpoker.v1 as pb
from tests.server.core.parts import (
    GAME_ID,
    Bench,
    automatic,
    cid,
    creation,
    game,
    joining,
    reason,
    reveal,
    secret_of,
    starting,
    ticket,
    vote,
)


def is_repeat(result: pb.CommandResult, of: pb.CommandResult) -> bool:
    return result.duplicate and result.accepted == of.accepted


def test_the_same_command_again_gets_the_same_answer_and_no_second_effect() -> None:
    bench = game("Bob", voting=True)
    cast = vote("Bob", "p2", "5", cid(1))
    first = bench.say(cast)
    assert not first.duplicate
    bench.do(vote("Ada", "p1", "8"))
    assert is_repeat(bench.say(cast), first)
    assert bench.room.head == 6


def test_a_repeat_waits_behind_the_events_of_the_first() -> None:
    bench = game("Bob", voting=True)
    cast = vote("Bob", "p2", "5", cid(1))
    bench.do(cast, vote("Ada", "p1", "8"))
    (answer,) = bench.commit(bench.propose(cast)).answers
    assert answer.events_through == 5


def test_another_body_under_the_same_id_is_refused_and_the_first_stands() -> None:
    bench = game("Bob", voting=True)
    bench.do(vote("Bob", "p2", "5", cid(1)))
    other = bench.say(vote("Bob", "p2", "8", cid(1)))
    assert reason(other) == "CORRELATION_ID_REUSED"
    assert bench.room.state.own_vote("p2") == ("5", "")


def test_the_refusal_of_a_reused_id_tells_nothing_of_the_first_command() -> None:
    bench = game("Bob", voting=True)
    bench.do(vote("Bob", "p2", "5", cid(1), comment="canary"))
    assert "canary" not in str(bench.say(vote("Bob", "p2", "8", cid(1))))


def test_another_players_id_is_simply_a_new_command() -> None:
    bench = game("Bob", "Eve", voting=True)
    bench.do(vote("Bob", "p2", "5", cid(1)))
    same_card = bench.say(vote("Eve", "p3", "5", cid(1)))
    assert not same_card.duplicate
    assert same_card.accepted.version == 7
    assert bench.room.state.own_vote("p3") == ("5", "")


def test_guessing_a_card_under_its_voters_id_learns_nothing() -> None:
    bench = game("Bob", "Eve", voting=True)
    bench.do(vote("Bob", "p2", "5", cid(1)))
    # Eve names Bob's seat, with her own secret: the same whatever she guesses.
    answers = [bench.say(vote("Eve", "p2", card, cid(1))) for card in ("5", "8")]
    assert [reason(answer) for answer in answers] == ["SEAT_NOT_HELD", "SEAT_NOT_HELD"]
    assert answers[0] == answers[1]


def test_a_vote_whose_answer_was_lost_is_accepted_again_after_the_round_closed() -> None:
    bench = game("Bob", voting=True)
    cast = vote("Bob", "p2", "5", cid(1))
    first = bench.say(cast)
    bench.do(vote("Ada", "p1", "5"), reveal())
    assert is_repeat(bench.say(cast), first)
    assert reason(bench.say(vote("Bob", "p2", "5", cid(2)))) == "ROUND_CLOSED"


def test_a_refused_command_may_be_sent_again_under_its_id() -> None:
    bench = game("Bob")
    cast = vote("Bob", "p2", "5", cid(1))
    assert reason(bench.say(cast)) == "ROUND_CLOSED"
    bench.do(starting())
    again = bench.say(cast)
    assert not again.duplicate
    assert again.accepted.version == 5


def test_repeats_within_one_batch_are_one_command() -> None:
    bench = game("Bob", voting=True)
    cast = vote("Bob", "p2", "5", cid(1))
    first, second, other = bench.run(cast, cast, vote("Bob", "p2", "8", cid(1)))
    assert not first.duplicate
    assert is_repeat(second, first)
    assert reason(other) == "CORRELATION_ID_REUSED"
    assert bench.room.head == 5


def test_an_expected_version_is_no_part_of_what_was_asked() -> None:
    bench = game("Bob", voting=True)
    cast = vote("Bob", "p2", "5", cid(1))
    cast.command.expected_version = 4  # type: ignore[union-attr]
    first = bench.say(cast)
    cast.command.expected_version = 5  # type: ignore[union-attr]
    assert is_repeat(bench.say(cast), first)


def test_creating_again_gives_the_same_game_and_seat() -> None:
    bench = Bench()
    first = bench.say(creation(correlation_id=cid(1)))
    again = bench.say(creation(correlation_id=cid(1)))
    assert is_repeat(again, first)
    assert again.accepted.player_id == "p1"
    assert bench.room.head == 2


def test_creating_with_another_secret_is_not_the_creators_command() -> None:
    bench = Bench()
    bench.do(creation(correlation_id=cid(1)))
    other = creation(correlation_id=cid(1))
    other.command.create_game.creator.seat_secret = secret_of("Eve")  # type: ignore[union-attr]
    result = bench.say(ticket(other.command, "", cid(1)))  # type: ignore[arg-type]
    assert reason(result) == "CORRELATION_ID_REUSED"
    assert not result.HasField("accepted")


def test_creating_without_a_player_is_repeated_to_its_principal_only() -> None:
    bench = Bench()
    asked = creation(creator="", correlation_id=cid(1))
    command = asked.command
    assert isinstance(command, pb.Command)
    first = bench.say(ticket(command, "", cid(1), principal="bot"))
    assert is_repeat(bench.say(ticket(command, "", cid(1), principal="bot")), first)
    other = bench.say(ticket(command, "", cid(1), principal="eve"))
    assert reason(other) == "CORRELATION_ID_REUSED"


def test_joining_again_with_the_same_secret_is_the_same_player() -> None:
    bench = game()
    first = bench.say(joining("Bob", cid(1)))
    assert is_repeat(bench.say(joining("Bob", cid(1))), first)
    under_another_id = bench.say(joining("Bob", cid(2)))
    assert under_another_id.accepted.player_id == "p2"
    assert bench.room.head == 3


def test_joining_under_the_same_id_with_another_secret_is_a_new_command() -> None:
    bench = game()
    bench.do(joining("Bob", cid(1)))
    other = bench.say(joining("Cid", cid(1), secret_of("Cid")))
    assert not other.duplicate
    assert other.accepted.player_id == "p3"


def test_a_repeated_join_still_says_who_joined_after_the_player_was_renamed() -> None:
    bench = game()
    first = bench.say(joining("Bob", cid(1)))
    rename = pb.UpdatePlayer(display_name="Robert")
    command = pb.Command(game_id=GAME_ID, player_id="p2", update_player=rename)
    bench.do(ticket(command, "Bob"))
    assert is_repeat(bench.say(joining("Bob", cid(1))), first)


def test_what_was_created_is_in_the_repeated_answer() -> None:
    bench = game()
    add = pb.AddStories(stories=[pb.NewStory(title=title) for title in ("Login", "Logout")])
    asked = ticket(pb.Command(game_id=GAME_ID, player_id="p1", add_stories=add), "Ada", cid(1))
    first = bench.say(asked)
    assert list(first.accepted.story_ids) == ["s1", "s2"]
    assert is_repeat(bench.say(asked), first)
    begun = starting(correlation_id=cid(2))
    first = bench.say(begun)
    assert first.accepted.round_id == "r1"
    assert is_repeat(bench.say(begun), first)


def test_receipts_last_over_a_restart() -> None:
    bench = game("Bob", voting=True)
    cast = vote("Bob", "p2", "5", cid(1))
    first = bench.say(cast)
    bench.do(vote("Ada", "p1", "5"), reveal())
    other = bench.reloaded()
    assert is_repeat(other.say(cast), first)
    assert reason(other.say(vote("Bob", "p2", "8", cid(1)))) == "CORRELATION_ID_REUSED"


def test_an_append_in_doubt_that_did_commit_is_answered_as_accepted() -> None:
    bench = game("Bob", voting=True)
    cast = vote("Bob", "p2", "5", cid(1))
    in_doubt = bench.propose(cast)
    bench.rows.extend(in_doubt.records)  # it did commit, and nobody was told
    bench.room.catch_up(in_doubt.records)
    (answer,) = bench.commit(bench.propose(cast)).answers
    assert answer.result.accepted.version == 5
    assert bench.room.head == 5


def test_an_append_in_doubt_that_did_not_commit_is_decided_anew() -> None:
    bench = game("Bob", voting=True)
    cast = vote("Bob", "p2", "5", cid(1))
    bench.propose(cast)
    bench.room.catch_up([])
    result = bench.say(cast)
    assert not result.duplicate
    assert result.accepted.version == 5


def test_a_removed_player_is_told_nothing_by_the_ids_it_used() -> None:
    bench = game("Bob", voting=True)
    cast = vote("Bob", "p2", "5", cid(1))
    bench.do(cast)
    remove = pb.RemovePlayer(player_id="p2")
    bench.do(ticket(pb.Command(game_id=GAME_ID, player_id="p1", remove_player=remove), "Ada"))
    assert reason(bench.say(cast)) == "SEAT_NOT_HELD"


def test_who_has_a_seats_new_secret_gets_the_answers_of_that_seat() -> None:
    bench = game("Bob", voting=True)
    cast = vote("Bob", "p2", "5", cid(1))
    first = bench.say(cast)
    reset = pb.ResetSeat(player_id="p2", seat_secret=secret_of("Bob's new phone"))
    bench.do(ticket(pb.Command(game_id=GAME_ID, player_id="p1", reset_seat=reset), "Ada"))
    assert reason(bench.say(cast)) == "SEAT_NOT_HELD"
    assert is_repeat(bench.say(vote("Bob's new phone", "p2", "5", cid(1))), first)


def test_who_left_is_told_again_that_it_left() -> None:
    bench = game("Bob")
    leave = pb.Command(game_id=GAME_ID, player_id="p2", leave_game=pb.LeaveGame())
    asked = ticket(leave, "Bob", cid(1))
    first = bench.say(asked)
    assert is_repeat(bench.say(asked), first)
    assert is_repeat(bench.reloaded().say(asked), first)
    assert reason(bench.say(replace(asked, correlation_id=cid(2)))) == "SEAT_NOT_HELD"


def test_what_the_server_did_by_itself_is_nobodys_receipt() -> None:
    bench = game("Bob", settings=automatic(), voting=True)
    bench.do(vote("Ada", "p1", "5"), vote("Bob", "p2", "5", cid(1)))
    assert bench.kinds[-1] == "votes_revealed"
    # The reveal carries Bob's id; Ada sending it again is told nothing.
    result = bench.say(reveal(cid(1)))
    assert reason(result) == "ROUND_CLOSED"


def test_whoever_cannot_prove_the_seat_that_was_left_learns_nothing_of_its_leaving() -> None:
    bench = game("Bob", "Eve")
    command = pb.Command(game_id=GAME_ID, player_id="p2", leave_game=pb.LeaveGame())
    bench.do(ticket(command, "Bob", cid(1)))
    assert reason(bench.say(ticket(command, "Eve", cid(1)))) == "SEAT_NOT_HELD"
