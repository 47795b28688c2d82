"""What commands may hold: nothing that forges a line, breaks a sum or passes a limit."""

import io
import json
import logging
from typing import Any

import pytest
from google.protobuf.duration_pb2 import Duration
from loguru import logger

import planningpoker.v1 as pb
from planning_poker_server.observability import configure_logging
from planning_poker_server.settings import LoggingSettings
from tests.integration.harness import Host
from tests.integration.raw import new_secret
from tests.integration.tables import table, unchanged_by

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
