"""Nobody does what is not theirs to do, whatever they send."""

from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration

import planningpoker.v1 as pb
from tests.integration.harness import Host
from tests.integration.raw import Seat, new_secret
from tests.integration.tables import table, unchanged_by


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
