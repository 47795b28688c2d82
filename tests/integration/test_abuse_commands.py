"""Commands that nobody may give, that come twice, too late, or with bad content."""

import io
import json
import logging
from collections.abc import Mapping
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from loguru import logger

import planningpoker.v1 as pb
from planning_poker_server.observability import configure_logging
from planning_poker_server.settings import LoggingSettings
from tests.integration.harness import Host
from tests.integration.raw import Seat, Stream, new_id, new_secret

HOSTILE_TEXTS = {
    "a line break": "Ada\nINFO forged line",
    "CR and LF": "Ada\r\nINFO forged line",
    "an ANSI escape": "Ada \x1b[31mred\x1b[0m",
    "a one-byte ANSI escape": "Ada \x9b31mred",
    "a zero byte": "Ada\x00",
    "a bidi override": "Ada \u202egnirts",
    "a bidi isolate": "Ada \u2066x\u2069",
    "a zero-width space": "A\u200bda",
    "a zero-width joiner": "A\u200dda",
    "a line separator": "Ada\u2028x",
    "a next-line": "Ada\x85x",
    "a byte-order mark": "Ada\ufeff",
    "10,000 characters": "A" * 10_000,
    "tag characters": "Ada\U000e0041",
    "nothing": "",
    "blanks": " \t ",
}


async def table(host: Host, **settings: object) -> tuple[Stream, Seat, Stream, Seat]:
    """Ada, who facilitates, and Bob, each on a stream, with round r1 open."""
    await host.start()
    ada_stream, bob_stream = await host.stream(), await host.stream()
    ada = await ada_stream.create("Ada", settings=pb.GameSettings(**settings))  # type: ignore[arg-type]
    bob = await bob_stream.join(ada.game_id, "Bob")
    stories = pb.AddStories(stories=[pb.NewStory(title="Login"), pb.NewStory(title="Logout")])
    await ada_stream.do(ada, add_stories=stories)
    await ada_stream.do(ada, start_round=pb.StartRound(story_id="s1"))
    await bob_stream.events("round_started")
    return ada_stream, ada, bob_stream, bob


async def unchanged_by(
    stream: Stream, seat: Seat, *bodies: Mapping[str, object]
) -> list[pb.Refusal]:
    """The refusals of these commands, none of which had any effect."""
    before = (await stream.ping()).head_versions[seat.game_id]
    refusals = [await stream.refused(seat, **body) for body in bodies]
    assert (await stream.ping()).head_versions[seat.game_id] == before
    return refusals


# Authority


async def test_a_voter_does_nothing_that_the_policy_leaves_to_facilitators(host: Host) -> None:
    _, _, bob_stream, bob = await table(host)
    await bob_stream.do(bob, submit_vote=pb.SubmitVote(round_id="r1", card="8"))
    refusals = await unchanged_by(
        bob_stream,
        bob,
        {"reveal_votes": pb.RevealVotes(round_id="r1", force=True)},
        {"remove_player": pb.RemovePlayer(player_id="p1")},
        {"reset_seat": pb.ResetSeat(player_id="p1", seat_secret=new_secret())},
        {"update_player": pb.UpdatePlayer(player_id="p1", facilitator=False)},
        {"update_player": pb.UpdatePlayer(player_id="p2", facilitator=True)},
        {"update_game": pb.UpdateGame(settings=pb.GameSettings(deck=pb.Deck(name="t_shirt")))},
        {"update_game": pb.UpdateGame(passcode="mine")},
        {"add_stories": pb.AddStories(stories=[pb.NewStory(title="Mine")])},
        {"update_story": pb.UpdateStory(story_id="s1", title="Mine")},
        {"move_story": pb.MoveStory(story_id="s2", before_story_id="s1")},
        {"remove_story": pb.RemoveStory(story_id="s2")},
        {"start_round": pb.StartRound(story_id="s2", abandon_open=True)},
        {"set_deadline": pb.SetDeadline(round_id="r1", remaining=Duration(seconds=1))},
        {"abandon_round": pb.AbandonRound(round_id="r1")},
        {"accept_estimate": pb.AcceptEstimate(story_id="s2", value="1")},
        {"cancel_reveal": pb.CancelReveal(round_id="r1")},
        {"end_game": pb.EndGame()},
    )
    assert [(r.reason, r.code) for r in refusals] == [(pb.REASON_NOT_A_FACILITATOR, 7)] * len(
        refusals
    )
    refusal = await bob_stream.refused(bob, claim_facilitation=pb.ClaimFacilitation())
    assert refusal.reason == pb.REASON_CLAIM_NOT_OPEN


async def test_an_observer_does_not_vote(host: Host) -> None:
    _, ada, *_ = await table(host)
    stream = await host.stream()
    eve = await stream.join(ada.game_id, "Eve", role=pb.PLAYER_ROLE_OBSERVER)
    vote = {"submit_vote": pb.SubmitVote(round_id="r1", card="8")}
    (refusal,) = await unchanged_by(stream, eve, vote)
    assert (refusal.reason, refusal.code) == (pb.REASON_OBSERVER_CANNOT_VOTE, 7)


async def test_a_stream_acts_for_no_seat_that_it_does_not_hold(host: Host) -> None:
    _, ada, bob_stream, bob = await table(host)
    vote = {"submit_vote": pb.SubmitVote(round_id="r1", card="8")}
    pretended = ada._replace(secret=bob.secret)
    (refusal,) = await unchanged_by(bob_stream, pretended, vote)
    assert (refusal.reason, refusal.code) == (pb.REASON_SEAT_NOT_HELD, 7)
    stranger = await host.stream()
    assert (await stranger.refused(ada, **vote)).reason == pb.REASON_SEAT_NOT_HELD
    await stranger.attach(ada.game_id)
    assert (await stranger.refused(ada, **vote)).reason == pb.REASON_SEAT_NOT_HELD
    assert (await stranger.refused(ada.game_id, **vote)).reason == pb.REASON_SEAT_NOT_HELD


async def test_a_seat_of_one_game_is_none_in_another(host: Host) -> None:
    _, ada, bob_stream, _ = await table(host)
    other = await bob_stream.create("Bob")  # p1 there, and a facilitator
    refusal = await bob_stream.refused(
        Seat(ada.game_id, other.player_id, other.secret), end_game=pb.EndGame()
    )
    assert refusal.reason == pb.REASON_SEAT_NOT_HELD
    stolen = Seat(ada.game_id, other.player_id, other.secret)
    assert (await bob_stream.attach_refused(stolen)).refusal.code == 7


async def test_a_game_without_its_creator_at_the_table_is_managed_by_that_client_only(
    host: Host,
) -> None:
    await host.start()
    bot = await host.stream(instance_id="secret of the bot")
    create = pb.CreateGame(display_name="Sprint 12", passcode="correct horse")
    created = await bot.ask("", create_game=create)
    assert created.HasField("accepted")
    bob_stream = await host.stream(instance_id="secret of Bob")
    bob = await bob_stream.join(created.game_id, "Bob", passcode="correct horse")
    deeds: list[dict[str, Any]] = [
        {"end_game": pb.EndGame()},
        {"add_stories": pb.AddStories(stories=[pb.NewStory(title="Mine")])},
        {"reset_seat": pb.ResetSeat(player_id="p1", seat_secret=new_secret())},
        {"remove_player": pb.RemovePlayer(player_id="p1")},
    ]
    for stream in (bob_stream, await host.stream(instance_id=""), await host.stream()):
        for refusal in [await stream.refused(created.game_id, **deed) for deed in deeds]:
            assert (refusal.reason, refusal.code) == (pb.REASON_SEAT_NOT_HELD, 7)
    refusals = [await bob_stream.refused(bob, **deed) for deed in deeds]
    assert {refusal.reason for refusal in refusals} == {pb.REASON_NOT_A_FACILITATOR}
    again = await host.stream(instance_id="secret of the bot")
    await again.do(created.game_id, add_stories=pb.AddStories(stories=[pb.NewStory(title="x")]))


async def test_whoever_says_nothing_of_themselves_opens_no_game_without_a_seat(host: Host) -> None:
    await host.start()
    stream = await host.stream()
    refusal = await stream.refused("", create_game=pb.CreateGame(display_name="Sprint 12"))
    assert (refusal.reason, refusal.code) == (pb.REASON_UNAUTHENTICATED, 16)
    assert host.log.appended == []


@pytest.mark.parametrize(
    "secret",
    [b"", b"\x00" * 32, b"x" * 31, b"x" * 10_000],
    ids=["no secret", "zeros", "a short one", "a long one"],
)
async def test_a_guessed_secret_attaches_no_seat(host: Host, secret: bytes) -> None:
    _, ada, bob_stream, bob = await table(host)
    detached = await bob_stream.attach_refused(ada._replace(secret=secret))
    assert (detached.refusal.reason, detached.refusal.code) == (pb.REASON_SEAT_SECRET_WRONG, 7)
    # One bad seat among good ones is refused with them, and the old subscription stays.
    seats = [
        pb.Seat(player_id=bob.player_id, seat_secret=bob.secret),
        pb.Seat(player_id=ada.player_id, seat_secret=secret),
    ]
    await bob_stream.attach_refused(bob, seats=seats)
    await bob_stream.do(bob, submit_vote=pb.SubmitVote(round_id="r1", card="8"))


async def test_the_hash_of_a_secret_is_no_secret(host: Host) -> None:
    _, ada, bob_stream, _ = await table(host)
    hashed = host.log.appended[0].records[1].sealed[-34:]
    assert (await bob_stream.attach_refused(ada._replace(secret=hashed[:32]))).refusal.code == 7
    assert (await bob_stream.attach_refused(ada._replace(secret=hashed[2:]))).refusal.code == 7


async def test_a_removed_player_is_detached_and_the_seat_secret_is_dead_for_good(
    host: Host,
) -> None:
    ada_stream, ada, bob_stream, bob = await table(host)
    await ada_stream.do(ada, remove_player=pb.RemovePlayer(player_id=bob.player_id))
    await bob_stream.events("player_removed")
    detached = await bob_stream.expect("detached")
    assert (detached.reason, detached.next_step) == (
        pb.DETACH_REASON_REMOVED,
        pb.NEXT_STEP_STOP,
    )
    vote = pb.SubmitVote(round_id="r1", card="8")
    assert (await bob_stream.refused(bob, submit_vote=vote)).reason == pb.REASON_SEAT_NOT_HELD
    assert (await bob_stream.attach_refused(bob)).refusal.reason == pb.REASON_SEAT_SECRET_WRONG
    join = pb.JoinGame(display_name="Bob", seat_secret=bob.secret)
    refusal = await bob_stream.refused(ada.game_id, join_game=join)
    assert (refusal.reason, refusal.code) == (pb.REASON_SEAT_SECRET_WRONG, 7)


async def test_a_reset_seat_detaches_who_held_it_and_takes_only_the_new_secret(host: Host) -> None:
    ada_stream, ada, bob_stream, bob = await table(host)
    await bob_stream.do(bob, submit_vote=pb.SubmitVote(round_id="r1", card="8"))
    secret = new_secret()
    reset = pb.ResetSeat(player_id=bob.player_id, seat_secret=secret)
    await ada_stream.do(ada, reset_seat=reset)
    assert (await bob_stream.expect("detached")).reason == pb.DETACH_REASON_REMOVED
    assert (await bob_stream.attach_refused(bob)).refusal.reason == pb.REASON_SEAT_SECRET_WRONG
    # Who had the seat reset must not see the card that lies there.
    await ada_stream.attach(ada, seats=[pb.Seat(player_id="p2", seat_secret=secret)])
    state = await ada_stream.expect("seat_state", lambda s: s.player_id == "p2")
    assert state.card == ""


async def test_a_facilitator_demoted_meanwhile_is_judged_where_the_command_is_appended(
    host: Host,
) -> None:
    ada_stream, ada, bob_stream, bob = await table(host)
    promote = pb.UpdatePlayer(player_id=bob.player_id, facilitator=True)
    await ada_stream.do(ada, update_player=promote)
    await bob_stream.events("player_updated")
    host.log.hold()
    demote = pb.UpdatePlayer(player_id=bob.player_id, facilitator=False)
    demoting = await ada_stream.begin(ada, update_player=demote)
    await host.log.held.wait()
    ending = await bob_stream.begin(bob, end_game=pb.EndGame())
    await bob_stream.ping()
    host.log.release()
    assert (await ada_stream.answer(demoting)).HasField("accepted")
    assert (await bob_stream.answer(ending)).refusal.reason == pb.REASON_NOT_A_FACILITATOR


# Once


async def test_a_command_sent_again_has_one_effect_and_gets_the_same_answer(host: Host) -> None:
    ada_stream, ada, *_ = await table(host)
    correlation_id = new_id()
    added = pb.AddStories(stories=[pb.NewStory(title="Again")])
    first = await ada_stream.ask(ada, correlation_id, add_stories=added)
    again = await ada_stream.ask(ada, correlation_id, add_stories=added)
    assert (first.duplicate, again.duplicate) == (False, True)
    assert first.accepted == again.accepted
    assert len(ada_stream.views[ada.game_id].stories) == 3
    elsewhere = await host.stream()
    await elsewhere.attach(ada)
    assert (await elsewhere.ask(ada, correlation_id, add_stories=added)).duplicate


async def test_a_correlation_id_in_capitals_is_the_same_one_and_comes_back_as_it_was_sent(
    host: Host,
) -> None:
    # As Swift writes them.
    await host.start()
    stream = await host.stream()
    upper, lower = new_id().upper(), new_id()
    ada_secret, bob_secret = new_secret(), new_secret()
    creator = pb.JoinGame(display_name="Ada", seat_secret=ada_secret, attach=True)
    create = pb.CreateGame(display_name="Sprint 12", creator=creator)
    created = await stream.ask("", upper, create_game=create)
    assert (await stream.expect_envelope("attached")).correlation_id == upper
    assert (await stream.ask("", upper.lower(), create_game=create)).duplicate
    join = pb.JoinGame(display_name="Bob", seat_secret=bob_secret)
    await stream.ask(created.game_id, lower, join_game=join)
    assert (await stream.ask(created.game_id, lower.upper(), join_game=join)).duplicate


async def test_the_same_command_while_the_first_is_in_flight_waits_for_that(host: Host) -> None:
    ada_stream, ada, *_ = await table(host)
    correlation_id = new_id()
    added = pb.AddStories(stories=[pb.NewStory(title="Again")])
    host.log.hold()
    for _ in range(3):
        await ada_stream.begin(ada, correlation_id, add_stories=added)
    await host.log.held.wait()
    await ada_stream.ping()
    host.log.release()
    answers = [await ada_stream.answer(correlation_id) for _ in range(3)]
    assert [answer.duplicate for answer in answers] == [False, True, True]
    assert len({answer.accepted.version for answer in answers}) == 1


async def test_the_same_id_with_another_command_is_refused(host: Host) -> None:
    ada_stream, ada, *_ = await table(host)
    correlation_id = new_id()
    vote = {"submit_vote": pb.SubmitVote(round_id="r1", card="8")}
    await ada_stream.ask(ada, correlation_id, **vote)
    vote["submit_vote"].card = "5"
    refusal = (await ada_stream.ask(ada, correlation_id, **vote)).refusal
    assert (refusal.reason, refusal.code) == (pb.REASON_CORRELATION_ID_REUSED, 6)


async def test_anothers_correlation_id_is_a_new_command_and_tells_nothing(host: Host) -> None:
    ada_stream, ada, bob_stream, bob = await table(host)
    await ada_stream.do(ada, submit_vote=pb.SubmitVote(round_id="r1", card="8"))
    (seen,) = await bob_stream.events("vote_submitted")
    # The right guess and a wrong one get the same answer: a new vote of Bob's.
    for card in ("8", "5"):
        result = await bob_stream.ask(
            bob, seen.correlation_id, submit_vote=pb.SubmitVote(round_id="r1", card=card)
        )
        if card == "8":
            assert result.HasField("accepted")
            assert not result.duplicate
            assert result.accepted.version > seen.version
        else:
            assert result.refusal.reason == pb.REASON_CORRELATION_ID_REUSED  # his own


async def test_anothers_join_or_creation_is_not_repeated_for_who_saw_its_id(host: Host) -> None:
    ada_stream, ada, bob_stream, _ = await table(host)
    (joined,) = await ada_stream.events("player_joined")
    join = pb.JoinGame(display_name="Bob", seat_secret=new_secret(), attach=True)
    result = await bob_stream.ask(ada.game_id, joined.correlation_id, join_game=join)
    assert result.refusal.reason == pb.REASON_NAME_TAKEN
    created = next(e for e in ada_stream.received if e.HasField("attached")).correlation_id
    creator = pb.JoinGame(display_name="Ada", seat_secret=new_secret(), attach=True)
    create = pb.CreateGame(display_name="Sprint 12", creator=creator)
    result = await bob_stream.ask("", created, create_game=create)
    assert result.refusal.reason == pb.REASON_CORRELATION_ID_REUSED
    assert bob_stream.names().count("attached") == 1


async def test_creating_and_joining_again_with_the_same_request_is_one_game_and_one_player(
    host: Host,
) -> None:
    await host.start()
    stream, later = await host.stream(), await host.stream()
    correlation_id, secret = new_id(), new_secret()
    creator = pb.JoinGame(display_name="Ada", seat_secret=secret, attach=True)
    create = pb.CreateGame(display_name="Sprint 12", creator=creator)
    first = await stream.ask("", correlation_id, create_game=create)
    again = await later.ask("", correlation_id, create_game=create)
    assert again.duplicate
    assert (first.game_id, first.accepted) == (again.game_id, again.accepted)
    assert list((await later.expect("attached")).player_ids) == ["p1"]
    bob_id, bob_secret = new_id(), new_secret()
    join = pb.JoinGame(display_name="Bob", seat_secret=bob_secret, attach=True)
    joined = await stream.ask(first.game_id, bob_id, join_game=join)
    rejoined = await later.ask(first.game_id, bob_id, join_game=join)
    assert rejoined.duplicate
    assert rejoined.accepted.player_id == joined.accepted.player_id == "p2"
    assert len(later.views[first.game_id].players) == 2


async def test_a_vote_accepted_before_the_reveal_is_answered_again_after_it(host: Host) -> None:
    ada_stream, ada, bob_stream, bob = await table(host)
    correlation_id = new_id()
    vote = pb.SubmitVote(round_id="r1", card="8")
    first = await bob_stream.ask(bob, correlation_id, submit_vote=vote)
    await ada_stream.do(ada, reveal_votes=pb.RevealVotes(round_id="r1", force=True))
    again = await bob_stream.ask(bob, correlation_id, submit_vote=vote)
    assert again.duplicate
    assert again.accepted == first.accepted
    assert (await bob_stream.refused(bob, submit_vote=vote)).reason == pb.REASON_ROUND_CLOSED


async def test_a_reset_between_the_commit_and_the_answer_gets_the_same_answer_later(
    host: Host,
) -> None:
    ada_stream, _, bob_stream, bob = await table(host)
    correlation_id = new_id()
    vote = pb.SubmitVote(round_id="r1", card="8")
    host.log.hold()
    await bob_stream.begin(bob, correlation_id, submit_vote=vote)
    await host.log.held.wait()
    await bob_stream.close()
    host.log.release()
    (stored,) = await ada_stream.events("vote_submitted")
    bob_stream = await host.stream()
    await bob_stream.attach(bob)
    again = await bob_stream.ask(bob, correlation_id, submit_vote=vote)
    assert again.duplicate
    assert again.accepted.version == stored.version
    assert len(await ada_stream.events("vote_submitted")) == 1


# Too late, stale, wrong


async def test_a_vote_or_reveal_for_a_round_that_is_over_leaves_the_open_one_untouched(
    host: Host,
) -> None:
    ada_stream, ada, bob_stream, bob = await table(host)
    await bob_stream.do(bob, submit_vote=pb.SubmitVote(round_id="r1", card="8"))
    await ada_stream.do(ada, start_round=pb.StartRound(story_id="s1", abandon_open=True))
    await ada_stream.do(ada, submit_vote=pb.SubmitVote(round_id="r2", card="5"))
    refusals = await unchanged_by(
        ada_stream,
        ada,
        {"submit_vote": pb.SubmitVote(round_id="r1", card="8")},
        {"retract_vote": pb.RetractVote(round_id="r1")},
        {"reveal_votes": pb.RevealVotes(round_id="r1", force=True)},
        {"abandon_round": pb.AbandonRound(round_id="r1")},
        {"set_deadline": pb.SetDeadline(round_id="r1")},
        {"submit_vote": pb.SubmitVote(round_id="r3", card="8")},
    )
    assert {(r.reason, r.code) for r in refusals} == {(pb.REASON_ROUND_CLOSED, 9)}
    assert list(ada_stream.views[ada.game_id].voted) == ["p1"]


async def test_a_vote_after_the_reveal_is_refused_with_the_version_that_closed_the_round(
    host: Host,
) -> None:
    ada_stream, ada, bob_stream, bob = await table(host)
    await ada_stream.do(ada, submit_vote=pb.SubmitVote(round_id="r1", card="5"))
    await ada_stream.do(ada, reveal_votes=pb.RevealVotes(round_id="r1", force=True))
    (revealed,) = await bob_stream.events("votes_revealed")
    refusal = await bob_stream.refused(bob, submit_vote=pb.SubmitVote(round_id="r1", card="8"))
    assert (refusal.reason, refusal.code) == (pb.REASON_ROUND_CLOSED, 9)
    assert refusal.details["closed_version"] == str(revealed.version)


async def test_a_card_that_is_not_in_the_deck_or_has_no_label_is_invalid(host: Host) -> None:
    _, _, bob_stream, bob = await table(host)
    refusals = await unchanged_by(
        bob_stream,
        bob,
        *({"submit_vote": pb.SubmitVote(round_id="r1", card=c)} for c in ("7", "", "8" * 10_000)),
        {"submit_vote": pb.SubmitVote(round_id="r1", card="8", comment="x" * 141)},
    )
    assert refusals[0].reason == pb.REASON_CARD_NOT_IN_DECK
    assert [refusal.code for refusal in refusals] == [3] * 4
    assert all(len(refusal.message) < 300 for refusal in refusals)


async def test_a_stale_expected_version_is_a_conflict_that_names_the_current_one(
    host: Host,
) -> None:
    ada_stream, ada, *_ = await table(host)
    head = ada_stream.views[ada.game_id].version
    for stale in (0, head - 1, head + 1, -1):
        result = await ada_stream.ask(ada, end_game=pb.EndGame(), expected_version=stale)
        refusal = result.refusal
        assert (refusal.reason, refusal.code) == (pb.REASON_VERSION_CONFLICT, 10)
        assert refusal.current_version == head
    await ada_stream.do(ada, end_game=pb.EndGame(), expected_version=head)


# Content


@pytest.mark.parametrize("text", HOSTILE_TEXTS.values(), ids=HOSTILE_TEXTS.keys())
async def test_no_name_title_or_comment_holds_what_would_forge_a_line(
    host: Host, text: str
) -> None:
    ada_stream, ada, *_ = await table(host)
    bodies: list[dict[str, object]] = [
        {"update_player": pb.UpdatePlayer(player_id="p1", display_name=text)},
        {"update_game": pb.UpdateGame(display_name=text)},
        {"add_stories": pb.AddStories(stories=[pb.NewStory(title=text)])},
        {"update_story": pb.UpdateStory(story_id="s1", title=text)},
        {"accept_estimate": pb.AcceptEstimate(story_id="s2", value=text)},
    ]
    if text.strip():
        comment = pb.SubmitVote(round_id="r1", card="8", comment=text)
        bodies.append({"submit_vote": comment})
        story = pb.NewStory(title="x", key=text)
        bodies.append({"add_stories": pb.AddStories(stories=[story])})
    refusals = await unchanged_by(ada_stream, ada, *bodies)
    assert [(r.reason, r.code) for r in refusals] == [(pb.REASON_INVALID_TEXT, 3)] * len(bodies)
    assert all(r.message.isprintable() and len(r.message) < 200 for r in refusals)
    stranger = await host.stream()
    joins: list[dict[str, Any]] = [{"display_name": text}]
    if text.strip():
        joins.append({"display_name": "Eve", "external_id": text})
    for fields in joins:
        join = pb.JoinGame(seat_secret=new_secret(), **fields)
        refusal = await stranger.refused(ada.game_id, join_game=join)
        assert refusal.reason == pb.REASON_INVALID_TEXT


@pytest.mark.parametrize("form", ["json", "text"])
async def test_whatever_is_sent_each_record_of_the_log_stays_one_line(
    host: Host, form: str
) -> None:
    out = io.StringIO()
    configure_logging(LoggingSettings(level="TRACE", format=form), out)
    await host.start()
    forged = "x\r\n\x1b[31m{}\u2028INFO forged".format("\u202e")
    client = await host.client()
    stream = client.silent(metadata=[("x-forged", "INFO forged")])
    await stream.hello(client_name=forged, client_version=forged, instance_id=forged)
    join = pb.JoinGame(display_name=forged, seat_secret=new_secret(), external_id=forged)
    await stream.refused("", create_game=pb.CreateGame(display_name=forged, creator=join))
    await stream.refused(forged, join_game=join)
    await stream.attach_refused(forged)
    ada = await stream.create(labels={"team": "forged"})
    await stream.refused(ada, submit_vote=pb.SubmitVote(round_id=forged, card=forged))
    sent = await stream.send(forged, message_type=forged, traceparent=forged, ping=pb.Ping())
    await stream.reply(sent[:128])
    await stream.send_bytes(forged.encode())
    await stream.status()
    logger.complete()
    assert "forged" not in out.getvalue()
    for line in out.getvalue().splitlines():
        assert line.isprintable()
        if form == "json":
            json.loads(line)
        else:
            assert line[:4].isdigit()
    assert logging.getLogger().handlers


async def test_decks_of_extreme_numbers_are_played_to_the_end(host: Host) -> None:
    await host.start()
    stream = await host.stream()
    values = [-1.7e308, 5e-324, 1.7e308]
    cards = [pb.Card(label=str(n), value=value) for n, value in enumerate(values)]
    deck = pb.Deck(name="extremes", cards=cards)
    ada = await stream.create("Ada", settings=pb.GameSettings(deck=deck))
    bob = await stream.join(ada.game_id, "Bob")
    await stream.do(ada, start_round=pb.StartRound())
    await stream.do(ada, submit_vote=pb.SubmitVote(round_id="r1", card="2"))
    await stream.do(bob, submit_vote=pb.SubmitVote(round_id="r1", card="2"))
    await stream.do(ada, reveal_votes=pb.RevealVotes(round_id="r1"))
    (revealed,) = await stream.events("votes_revealed")
    assert revealed.votes_revealed.round.statistics.median == 1.7e308
    for value in (float("nan"), float("inf")):
        cards = [pb.Card(label="a", value=value), pb.Card(label="b", value=1)]
        settings = pb.GameSettings(deck=pb.Deck(name="odd", cards=cards))
        refusal = await stream.refused(ada, update_game=pb.UpdateGame(settings=settings))
        assert refusal.reason == pb.REASON_INVALID_VALUE


@pytest.mark.parametrize(
    "duration",
    [
        Duration(seconds=-1),
        Duration(seconds=315_576_000_000),
        Duration(seconds=1 << 62),
        Duration(seconds=-(1 << 62), nanos=-(1 << 31)),
    ],
    ids=["negative", "10,000 years", "the largest", "the smallest"],
)
async def test_times_out_of_range_are_invalid(host: Host, duration: Duration) -> None:
    ada_stream, ada, *_ = await table(host)
    refusals = await unchanged_by(
        ada_stream,
        ada,
        {"set_deadline": pb.SetDeadline(round_id="r1", remaining=duration)},
        {"start_round": pb.StartRound(abandon_open=True, duration=duration)},
        {"update_game": pb.UpdateGame(settings=pb.GameSettings(reveal_countdown=duration))},
        {"update_game": pb.UpdateGame(settings=pb.GameSettings(claim_grace=duration))},
    )
    assert {refusal.code for refusal in refusals} == {3}
    creator = pb.JoinGame(display_name="Ada", seat_secret=new_secret())
    create = pb.CreateGame(display_name="Sprint 12", creator=creator, ttl=duration)
    assert (await ada_stream.refused("", create_game=create)).code == 3
