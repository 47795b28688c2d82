"""Commands that come twice, late, stale or wrong: each has one effect, or none."""

import planningpoker.v1 as pb
from tests.integration.harness import Host
from tests.integration.raw import new_id, new_secret
from tests.integration.tables import table, unchanged_by


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
