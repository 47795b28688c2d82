"""Games played through bare envelopes, against a real server on a real database."""

import asyncio

import pytest

import planningpoker.v1 as pb
from planning_poker_model.view import GameView
from tests.integration.harness import Host
from tests.integration.raw import PATIENCE_S, Seat, Stream, new_id, new_secret


async def vote(stream: Stream, seat: Seat, card: str, round_id: str = "r1") -> pb.Accepted:
    return await stream.do(seat, submit_vote=pb.SubmitVote(round_id=round_id, card=card))


async def start_story(stream: Stream, seat: Seat, title: str) -> tuple[str, str]:
    """(story id, round id) of a new story whose first round is open."""
    added = await stream.do(seat, add_stories=pb.AddStories(stories=[pb.NewStory(title=title)]))
    story_id = added.story_ids[0]
    started = await stream.do(seat, start_round=pb.StartRound(story_id=story_id))
    return story_id, started.round_id


async def test_a_whole_game_is_seen_alike_by_players_and_watchers(host: Host) -> None:
    await host.start()
    ada_stream, bob_stream, wall = [await host.stream() for _ in range(3)]
    ada = await ada_stream.create("Ada")
    code = ada_stream.views[ada.game_id].join_code
    bob = await bob_stream.join(code, "Bob")
    assert (await wall.attach(code)).player_ids == []
    stories = [pb.NewStory(title="Login page", key="PP-1"), pb.NewStory(title="Logout")]
    added = await ada_stream.do(ada, add_stories=pb.AddStories(stories=stories))
    login, logout = added.story_ids

    first = (await ada_stream.do(ada, start_round=pb.StartRound(story_id=login))).round_id
    await wall.events("round_started")
    await vote(ada_stream, ada, "5", first)
    await vote(bob_stream, bob, "13", first)
    await ada_stream.do(ada, reveal_votes=pb.RevealVotes(round_id=first))
    (revealed,) = await wall.events("votes_revealed")
    cards = {vote.player_id: vote.card for vote in revealed.votes_revealed.round.votes}
    assert cards == {ada.player_id: "5", bob.player_id: "13"}

    again = (await ada_stream.do(ada, start_round=pb.StartRound(story_id=login))).round_id
    await bob_stream.events("round_started", 2)
    await vote(ada_stream, ada, "8", again)
    await vote(bob_stream, bob, "8", again)
    await ada_stream.do(ada, reveal_votes=pb.RevealVotes(round_id=again))
    accept = pb.AcceptEstimate(story_id=login, round_id=again, value="8")
    await ada_stream.do(ada, accept_estimate=accept)
    await ada_stream.do(ada, update_story=pb.UpdateStory(story_id=logout, skipped=True))
    ended = await ada_stream.do(ada, end_game=pb.EndGame())

    views = [
        await each.reaches(ada.game_id, ended.version) for each in (ada_stream, bob_stream, wall)
    ]
    assert views[0] == views[1] == views[2]
    assert views[0].phase == pb.GAME_PHASE_ENDED
    assert views[0].stories[login].estimate.value == "8"
    assert views[0].stories[login].round_count == 2
    (end,) = await wall.events("game_ended")
    assert [e.estimate.value for e in end.game_ended.estimates] == ["8"]
    refusal = await bob_stream.refused(bob, leave_game=pb.LeaveGame())
    assert refusal.reason == pb.REASON_GAME_ENDED


async def test_events_are_numbered_without_a_hole_from_the_snapshot_on(host: Host) -> None:
    await host.start()
    stream = await host.stream()
    ada = await stream.create()
    for number in range(5):
        await start_story(stream, ada, f"Story {number}")
        await stream.do(ada, abandon_round=pb.AbandonRound(round_id=f"r{number + 1}"))
    begin = next(e.attached.head_version for e in stream.received if e.HasField("attached"))
    versions = [event.version for each in stream.received for event in each.event_batch.events]
    assert versions == list(range(begin + 1, stream.views[ada.game_id].version + 1))


async def test_creating_with_attach_answers_attached_then_the_result_then_the_seat(
    host: Host,
) -> None:
    await host.start()
    stream = await host.stream()
    creator = pb.JoinGame(display_name="Ada", seat_secret=new_secret(), attach=True)
    create = pb.CreateGame(display_name="Sprint 12", creator=creator)
    correlation_id = await stream.send(command=pb.Command(create_game=create))
    await stream.expect("seat_state")
    in_order = [e for e in stream.received if not e.HasField("presence_delta")]
    names = [each.message_type for each in in_order]
    assert names == ["welcome", "attached", "command_result", "seat_state"]
    attached, result = in_order[1], in_order[2]
    assert attached.correlation_id == result.correlation_id == correlation_id
    assert attached.attached.player_ids == ["p1"]
    assert attached.attached.snapshot.version == result.command_result.accepted.version == 2


async def test_a_result_comes_behind_the_events_it_caused(host: Host) -> None:
    await host.start()
    stream = await host.stream()
    ada = await stream.create()
    for number in range(1, 21):
        story = pb.NewStory(title=f"Story {number}")
        await stream.begin(ada, add_stories=pb.AddStories(stories=[story]))
        if number % 5 == 0:
            await stream.until(lambda s: s.names().count("command_result") == number + 1)  # noqa: B023
    seen = 0
    for each in stream.received:
        seen = each.attached.head_version or seen
        for event in each.event_batch.events:
            seen = event.version
        assert each.command_result.accepted.version <= seen
    assert seen == 22


async def test_one_subscription_holds_several_seats(host: Host) -> None:
    await host.start()
    bot, wall = await host.stream(), await host.stream()
    ada = await bot.create("Ada")
    bob = await bot.join(ada.game_id, "Bob")
    cyd = await bot.join(ada.game_id, "Cyd")
    attached = [e.attached for e in bot.received if e.HasField("attached")]
    assert list(attached[-1].player_ids) == ["p1", "p2", "p3"]
    await wall.attach(ada.game_id)
    _, round_id = await start_story(bot, ada, "Login")
    for seat, card in ((ada, "1"), (bob, "2"), (cyd, "3")):
        await vote(bot, seat, card, round_id)
    own = {seat.player_id: card for seat, card in ((ada, "1"), (bob, "2"), (cyd, "3"))}
    for player_id, card in own.items():
        await bot.expect("seat_state", lambda s: (s.player_id, s.card) == (player_id, card))  # noqa: B023
    await bot.do(ada, reveal_votes=pb.RevealVotes(round_id=round_id))
    (revealed,) = await wall.events("votes_revealed")
    assert {v.player_id: v.card for v in revealed.votes_revealed.round.votes} == own


async def test_one_stream_follows_several_games(host: Host) -> None:
    await host.start()
    bot = await host.stream()
    seats = [await bot.create(f"Bot {number}") for number in range(5)]
    assert len({seat.game_id for seat in seats}) == 5
    for seat in seats:
        await start_story(bot, seat, "Login")
        await vote(bot, seat, "3")
    heads = (await bot.ping()).head_versions
    assert dict(heads) == {seat.game_id: bot.views[seat.game_id].version for seat in seats}
    await bot.send(detach=pb.Detach(game_id=seats[0].game_id))
    detached = await bot.expect("detached")
    assert detached.reason == pb.DETACH_REASON_REQUESTED
    refusal = await bot.refused(seats[0], reveal_votes=pb.RevealVotes(round_id="r1"))
    assert refusal.reason == pb.REASON_SEAT_NOT_HELD
    await bot.do(seats[1], reveal_votes=pb.RevealVotes(round_id="r1"))


async def test_a_game_is_joined_and_attached_by_its_code_in_any_case_with_or_without_dash(
    host: Host,
) -> None:
    await host.start()
    ada_stream, other = await host.stream(), await host.stream()
    ada = await ada_stream.create()
    code = ada_stream.views[ada.game_id].join_code
    bob = await other.join(code.lower(), "Bob")
    cyd = await other.join(code.replace("-", ""), "Cyd")
    assert bob.game_id == cyd.game_id == ada.game_id
    assert (await other.attach(code)).game_id == ada.game_id


async def test_resuming_at_the_head_brings_nothing(host: Host) -> None:
    await host.start()
    stream, later = await host.stream(), await host.stream()
    ada = await stream.create()
    await start_story(stream, ada, "Login")
    (last,) = await stream.events("round_started")
    resume = {"after_version": last.version, "after_correlation_id": last.correlation_id}
    attached = await later.attach(ada, **resume)
    assert attached.outcome == pb.ATTACH_OUTCOME_RESUMED
    assert attached.head_version == last.version
    assert not attached.HasField("snapshot")
    await later.ping()
    assert "event_batch" not in later.names()


async def test_resuming_brings_what_was_missed_and_says_that_it_is_a_replay(host: Host) -> None:
    await host.start()
    ada_stream, bob_stream = await host.stream(), await host.stream()
    ada = await ada_stream.create()
    bob = await bob_stream.join(ada.game_id, "Bob")
    before = bob_stream.views[ada.game_id].copy()
    (last,) = await ada_stream.events("player_joined")
    await bob_stream.close()
    _, round_id = await start_story(ada_stream, ada, "Login")
    await vote(ada_stream, ada, "5", round_id)

    bob_stream = await host.stream()
    bob_stream.views[ada.game_id] = before
    attached = await bob_stream.attach(
        bob, after_version=last.version, after_correlation_id=last.correlation_id
    )
    assert attached.outcome == pb.ATTACH_OUTCOME_RESUMED
    assert (
        await bob_stream.reaches(ada.game_id, attached.head_version)
        == ada_stream.views[ada.game_id]
    )
    batches = [e.event_batch for e in bob_stream.received if e.HasField("event_batch")]
    assert batches
    assert all(batch.replay for batch in batches)
    await vote(bob_stream, bob, "8", round_id)
    (live,) = [e.event_batch for e in bob_stream.received if e.HasField("event_batch")][
        len(batches) :
    ]
    assert not live.replay


@pytest.mark.parametrize(
    ("ahead", "correlation_id"),
    [(1_000, "right"), (0, "foreign")],
    ids=["ahead of the head", "at an event that is not ours"],
)
async def test_a_version_that_cannot_be_resumed_gets_a_snapshot(
    host: Host, ahead: int, correlation_id: str
) -> None:
    await host.start()
    stream, later = await host.stream(), await host.stream()
    ada = await stream.create()
    await start_story(stream, ada, "Login")
    (last,) = await stream.events("round_started")
    resume = {
        "after_version": last.version + ahead,
        "after_correlation_id": new_id() if correlation_id == "foreign" else last.correlation_id,
    }
    attached = await later.attach(ada, **resume)
    assert attached.outcome == pb.ATTACH_OUTCOME_SNAPSHOT
    assert GameView.from_game(attached.snapshot) == stream.views[ada.game_id]


async def test_who_is_behind_the_kept_tail_gets_a_snapshot_and_never_a_part_of_it(
    host: Host,
) -> None:
    await host.start(room={"tail_events": 3})
    stream, later = await host.stream(), await host.stream()
    ada = await stream.create()
    joined = stream.views[ada.game_id].version
    for number in range(4):
        added = pb.AddStories(stories=[pb.NewStory(title=f"Story {number}")])
        await stream.do(ada, add_stories=added)
    events = await stream.events("stories_added", 4)
    assert events[0].version == joined + 1
    in_tail = await later.attach(
        ada, after_version=events[0].version, after_correlation_id=events[0].correlation_id
    )
    assert in_tail.outcome == pb.ATTACH_OUTCOME_RESUMED
    other = await host.stream()
    created = next(e for e in stream.received if e.HasField("attached")).correlation_id
    too_far = await other.attach(ada, after_version=joined, after_correlation_id=created)
    assert too_far.outcome == pb.ATTACH_OUTCOME_SNAPSHOT
    assert other.views[ada.game_id] == stream.views[ada.game_id]


async def test_a_seat_may_be_open_on_several_streams_and_each_is_told_the_own_card(
    host: Host,
) -> None:
    await host.start()
    laptop, phone = await host.stream(), await host.stream()
    ada = await laptop.create()
    await start_story(laptop, ada, "Login")
    await phone.attach(ada)
    await vote(phone, ada, "8")
    for stream in (laptop, phone):
        state = await stream.expect("seat_state", lambda s: s.card)
        assert (state.player_id, state.card, state.round_id) == ("p1", "8", "r1")
    await phone.close()
    await vote(laptop, ada, "5")
    await laptop.expect("seat_state", lambda s: s.card == "5")


async def test_the_own_card_comes_with_attaching_again_and_goes_with_a_retraction(
    host: Host,
) -> None:
    await host.start()
    stream, later = await host.stream(), await host.stream()
    ada = await stream.create()
    await start_story(stream, ada, "Login")
    comment = "as big as the last one"
    submit = pb.SubmitVote(round_id="r1", card="8", comment=comment)
    await stream.do(ada, submit_vote=submit)
    await later.attach(ada)
    state = await later.expect("seat_state")
    assert (state.card, state.comment) == ("8", comment)
    assert state.at_version == later.views[ada.game_id].version
    await stream.do(ada, retract_vote=pb.RetractVote(round_id="r1"))
    state = await later.expect("seat_state")
    assert (state.card, state.comment) == ("", "")


async def test_the_same_client_attaching_again_supersedes_its_older_stream(host: Host) -> None:
    await host.start()
    older, newer, other = (
        await host.stream(instance_id="laptop-1"),
        await host.stream(instance_id="laptop-1"),
        await host.stream(instance_id="phone-2"),
    )
    ada = await older.create()
    await other.attach(ada)
    await newer.attach(ada)
    detached = await older.expect("detached")
    assert detached.reason == pb.DETACH_REASON_SUPERSEDED
    assert detached.next_step == pb.NEXT_STEP_STOP
    refusal = await older.refused(ada, end_game=pb.EndGame())
    assert refusal.reason == pb.REASON_SEAT_NOT_HELD
    await newer.do(ada, add_stories=pb.AddStories(stories=[pb.NewStory(title="Login")]))
    await other.events("stories_added")
    assert "event_batch" not in older.names()
    assert "detached" not in other.names()


async def test_presence_tells_who_comes_and_after_the_grace_who_went(host: Host) -> None:
    await host.start(room={"presence_grace_ms": 50, "presence_interval_ms": 10})
    wall, bob_stream = await host.stream(), await host.stream()
    ada = await (await host.stream()).create()
    attached = await wall.attach(ada.game_id)
    assert attached.connected_player_ids == ["p1"]
    bob = await bob_stream.join(ada.game_id, "Bob")
    came = await wall.expect("presence_delta", lambda d: bob.player_id in d.players)
    assert came.players[bob.player_id] == pb.PRESENCE_CONNECTED
    await bob_stream.close()
    went = await wall.expect("presence_delta", lambda d: bob.player_id in d.players)
    assert went.players[bob.player_id] == pb.PRESENCE_DISCONNECTED
    assert bob.player_id in wall.views[ada.game_id].players  # not a leave


async def test_a_seat_that_a_bot_holds_for_somebody_is_never_connected(host: Host) -> None:
    await host.start(room={"presence_interval_ms": 10})
    bot, wall = await host.stream(), await host.stream()
    ada = await bot.create()
    proxied = await bot.join(ada.game_id, "Bob", proxied=True)
    cyd = await bot.join(ada.game_id, "Cyd")
    attached = await wall.attach(ada.game_id)
    assert set(attached.connected_player_ids) == {ada.player_id, cyd.player_id}
    dan = await bot.join(ada.game_id, "Dan")
    await wall.expect("presence_delta", lambda d: dan.player_id in d.players)
    assert not any(proxied.player_id in e.presence_delta.players for e in wall.received)


async def test_cards_turn_by_themselves_when_the_last_connected_voter_has_voted(
    host: Host,
) -> None:
    await host.start()
    ada_stream, bob_stream = await host.stream(), await host.stream()
    settings = pb.GameSettings(auto_reveal=True)
    ada = await ada_stream.create(settings=settings)
    bob = await bob_stream.join(ada.game_id, "Bob")
    await start_story(ada_stream, ada, "Login")
    await vote(ada_stream, ada, "5")
    result = await vote(bob_stream, bob, "8")
    (revealed,) = await ada_stream.events("votes_revealed")
    assert revealed.version == result.version + 1
    assert revealed.actor_id == ""


async def test_an_absent_voter_stops_blocking_the_reveal_after_the_grace(host: Host) -> None:
    await host.start(room={"presence_grace_ms": 50, "presence_interval_ms": 10})
    ada_stream, bob_stream = await host.stream(), await host.stream()
    ada = await ada_stream.create(settings=pb.GameSettings(auto_reveal=True))
    await bob_stream.join(ada.game_id, "Bob")
    await start_story(ada_stream, ada, "Login")
    await vote(ada_stream, ada, "5")
    await ada_stream.ping()
    assert not any(
        e.HasField("votes_revealed") for b in ada_stream.received for e in b.event_batch.events
    )
    await bob_stream.close()
    (revealed,) = await ada_stream.events("votes_revealed")
    assert list(revealed.votes_revealed.absent_player_ids) == ["p2"]
    assert list(revealed.votes_revealed.round.missing_player_ids) == ["p2"]


async def test_leaving_ends_the_subscription_and_the_same_secret_brings_back_the_seat(
    host: Host,
) -> None:
    await host.start()
    ada_stream, bob_stream = await host.stream(), await host.stream()
    ada = await ada_stream.create()
    bob = await bob_stream.join(ada.game_id, "Bob")
    await bob_stream.do(bob, leave_game=pb.LeaveGame())
    detached = await bob_stream.expect("detached")
    assert detached.reason == pb.DETACH_REASON_REQUESTED
    back = await bob_stream.join(ada.game_id, "Bobby", seat_secret=bob.secret)
    assert back.player_id == bob.player_id
    assert (await ada_stream.reaches(ada.game_id, 4)).players[bob.player_id].display_name == "Bobby"


async def test_a_room_without_subscribers_leaves_memory_and_comes_back_from_the_log(
    host: Host,
) -> None:
    server = await host.start(room={"idle_ms": 20})
    stream = await host.stream()
    ada = await stream.create()
    await start_story(stream, ada, "Login")
    view = stream.views[ada.game_id]
    await stream.close()
    async with asyncio.timeout(PATIENCE_S):
        await asyncio.wait(server._rooms._room_tasks())
    later = await host.stream()
    attached = await later.attach(ada)
    assert GameView.from_game(attached.snapshot) == view
    await vote(later, ada, "5")


async def test_a_half_closed_stream_gets_the_answers_it_still_waits_for(host: Host) -> None:
    await host.start()
    stream = await host.stream()
    ada = await stream.create()
    host.log.hold()
    story = pb.NewStory(title="Login")
    correlation_id = await stream.begin(ada, add_stories=pb.AddStories(stories=[story]))
    await stream.done_writing()
    await host.log.held.wait()
    host.log.release()
    assert (await stream.answer(correlation_id)).HasField("accepted")
    assert (await stream.status()).code.name == "OK"


async def test_a_snapshot_instead_of_events_is_followed_by_the_own_card(host: Host) -> None:
    await host.start(stream={"window_events": 4, "max_outbox_frames": 4})
    ada_stream, bob_stream = await host.stream(), await host.stream()
    ada = await ada_stream.create()
    bob = await bob_stream.join(ada.game_id, "Bob")
    await start_story(ada_stream, ada, "Login")
    await bob_stream.events("round_started")
    accepted = await vote(bob_stream, bob, "8")
    await bob_stream.ack(ada.game_id, accepted.version)
    await bob_stream.expect("seat_state", lambda s: s.card == "8")
    await ada_stream.reaches(ada.game_id, accepted.version)
    await ada_stream.ack(ada.game_id, accepted.version)
    while not any(each.event_batch.HasField("snapshot") for each in bob_stream.received):
        await ada_stream.ack(ada.game_id, (await vote(ada_stream, ada, "5")).version)
        await bob_stream.ping()
    state = await bob_stream.expect("seat_state", lambda s: s.at_version > accepted.version)
    assert state.card == "8"
