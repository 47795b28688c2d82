"""What can be wrong with a history: by checker, what makes it fail."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any, Final

import planningpoker.v1 as pb
from planning_poker_client import Change
from planning_poker_simulator.checking.history import (
    Accepted,
    Asked,
    Caught,
    Fed,
    History,
    Refused,
    Stream,
    Told,
)


def _told(history: History) -> tuple[Told, list[int]]:
    """What a program was told, and where in that two changes follow each other."""
    told = max(history.told, key=lambda told: len(told.items))
    places = [
        place
        for place, ((_, first), (_, second)) in enumerate(
            zip(told.items, told.items[1:], strict=False)
        )
        if isinstance(first, Change) and isinstance(second, Change)
    ]
    return told, places


def _swap_two_changes(history: History) -> None:
    told, places = _told(history)
    at = places[0]
    told.items[at], told.items[at + 1] = told.items[at + 1], told.items[at]


def _tell_a_change_twice(history: History) -> None:
    told, places = _told(history)
    told.items.insert(places[0], told.items[places[0]])


def _leave_a_change_out(history: History) -> None:
    told, places = _told(history)
    del told.items[places[0]]


def _tell_something_else(history: History) -> None:
    told, places = _told(history)
    when, change = told.items[places[0]]
    assert isinstance(change, Change)
    event = pb.GameEvent(version=change.version, actor_id="p99")
    told.items[places[0]] = when, Change(change.version, change.name, event)


def _frames(history: History, kind: str) -> Iterator[tuple[Stream, int, pb.ServerEnvelope]]:
    for stream in history.streams:
        for place, written in enumerate(stream.written):
            envelope = pb.ServerEnvelope.FromString(written.frame)
            if envelope.WhichOneof("payload") == kind:
                yield stream, place, envelope


def _change_a_frame(
    kind: str, change: Callable[[Any], object], which: Callable[[Any], bool] = lambda _: True
) -> Callable[[History], None]:
    def done(history: History) -> None:
        stream, place, envelope = next(
            found for found in _frames(history, kind) if which(getattr(found[2], kind))
        )
        change(getattr(envelope, kind))
        written = stream.written[place]
        stream.written[place] = written._replace(frame=envelope.SerializeToString())

    return done


def _make_two_appends_one(history: History) -> None:
    heads = {found[2].attached.head_version for found in _frames(history, "attached")}
    for place, append in enumerate(history.appends[:-1]):
        if append.records[-1].version in heads:
            following = history.appends.pop(place + 1)
            records = [*append.records, *following.records]
            history.appends[place] = append._replace(records=records)
            return


def _forget_what_was_shown(history: History) -> None:
    for stream in history.streams:
        stream.said = [said._replace(versions={}) for said in stream.said]


def _lose_a_frame(history: History) -> None:
    stream, place, _ = next(_frames(history, "event_batch"))
    del stream.written[place]


def _commit_later(history: History) -> None:
    history.appends[-1] = history.appends[-1]._replace(time=float("inf"))


def _answer_first(history: History) -> None:
    for stream, place, envelope in _frames(history, "command_result"):
        before = pb.ServerEnvelope.FromString(stream.written[place - 1].frame)
        if envelope.command_result.HasField("accepted") and before.HasField("event_batch"):
            stream.written.insert(place - 1, stream.written.pop(place))
            return


def _show_a_card_to_others(history: History) -> None:
    stream, place, _ = next(
        found for found in _frames(history, "seat_state") if found[2].seat_state.comment
    )
    other = next(each for each in history.streams if each.client != stream.client)
    other.written.append(stream.written[place]._replace(time=0.0))


def _say_goodbye(history: History) -> None:
    goodbye = pb.Goodbye(reason=pb.GOODBYE_REASON_PROTOCOL_ERROR)
    last = history.streams[0].written[-1]
    frame = pb.ServerEnvelope(goodbye=goodbye).SerializeToString()
    history.streams[0].written.append(last._replace(frame=frame))


def _take_everybody_for_absent(history: History) -> None:
    for place, append in enumerate(history.appends):
        for number, record in enumerate(append.records):
            event = pb.GameEvent.FromString(record.event)
            if event.HasField("votes_revealed"):
                event.votes_revealed.absent_player_ids.extend(f"p{n}" for n in range(1, 9))
                records = list(append.records)
                records[number] = record._replace(event=event.SerializeToString())
                history.appends[place] = append._replace(records=records)


def _accepted(history: History) -> Asked:
    return next(
        asked
        for asked in history.asked
        if asked.name == "start_round" and isinstance(asked.outcomes[0], Accepted)
    )


def _lose_an_effect(history: History) -> None:
    _accepted(history).correlation_id = "another"


def _ask_for_something_else(history: History) -> None:
    command = pb.Command(start_round=pb.StartRound(story_id="s99"))
    _accepted(history).command = command


def _have_it_done_twice(history: History) -> None:
    asked = _accepted(history)
    for place, append in reversed([*enumerate(history.appends)]):
        event = pb.GameEvent.FromString(append.records[-1].event)
        if event.actor_id == asked.actor and append.game_id == asked.game_id:
            event.correlation_id = asked.correlation_id
            record = append.records[-1]._replace(event=event.SerializeToString())
            history.appends[place] = append._replace(records=[*append.records[:-1], record])
            return


def _refuse_what_was_done(history: History) -> None:
    asked = _accepted(history)
    asked.outcomes, asked.given = [Refused("ROUND_OPEN")], 1


def _answer_another_version(history: History) -> None:
    asked = _accepted(history)
    asked.outcomes = [Accepted(1, duplicate=False)]


def _take_an_id_twice(history: History) -> None:
    history.reused.append((_accepted(history), "update_player", Accepted(9, duplicate=False)))


def _have_it_asked_by_nobody(history: History) -> None:
    history.asked.remove(_accepted(history))


def _show_something_else(history: History) -> None:
    view = history.shown[0].view.copy()
    view.display_name = "Another"
    history.shown[0] = replace(history.shown[0], view=view)


def _show_something_old(history: History) -> None:
    history.shown[0].stale = True


def _show_nobody(history: History) -> None:
    history.shown[0].presence = frozenset()


def _leave_reports_open(history: History) -> None:
    for stream, place, envelope in [*_frames(history, "delivery_report")]:
        envelope.delivery_report.final = False
        written = stream.written[place]
        stream.written[place] = written._replace(frame=envelope.SerializeToString())


def _fed(history: History) -> Fed:
    return max(history.fed, key=lambda fed: len(fed.items))


def _tell_a_watch_something_else(history: History) -> None:
    game_id, event = _fed(history).items[0]
    _fed(history).items[0] = game_id, pb.GameEvent(version=event.version, actor_id="p99")


def _have_a_watch_told_of_what_never_was(history: History) -> None:
    call = next(call for call in history.calls if call.method == "WatchEvents" and call.written)
    response = pb.WatchEventsResponse()
    response.events.events.add(game_id=history.appends[0].game_id).event.version = 100_000
    call.written[0] = call.written[0]._replace(frame=response.SerializeToString())


def _read_something_else(history: History) -> None:
    game = pb.Game()
    game.CopyFrom(history.reads[0].game)
    game.display_name = "Another"
    history.reads[0] = history.reads[0]._replace(game=game)


def _read_a_history_with_a_hole(history: History) -> None:
    place, read = next(
        (place, read) for place, read in enumerate(history.read_histories) if len(read.events) > 1
    )
    history.read_histories[place] = read._replace(events=read.events[1:])


TAMPERED: Final[dict[str, Callable[[History], object]]] = {
    "ordered": _swap_two_changes,
    "unique": _tell_a_change_twice,
    "reliable": _leave_a_change_out,
    "true to the log": _tell_something_else,
    "atomic": _make_two_appends_one,
    "bookmarkable": _forget_what_was_shown,
    "resumable": _lose_a_frame,
    "sent again without a hole": _change_a_frame(
        "event_batch", lambda batch: batch.MergeFrom(pb.EventBatch(first_version=99, attempt=2))
    ),
    "durable before it is told": _commit_later,
    "snapshots are the log's": _change_a_frame(
        "attached",
        lambda attached: setattr(attached.snapshot, "display_name", "Another"),
        lambda attached: attached.HasField("snapshot"),
    ),
    "answers behind their events": _answer_first,
    "no redelivery without cause": _change_a_frame(
        "event_batch", lambda batch: setattr(batch, "attempt", 2)
    ),
    "no card before its reveal": _show_a_card_to_others,
    "seats know their own cards": _change_a_frame(
        "seat_state", lambda state: setattr(state, "card", "99")
    ),
    "reports are true": _change_a_frame(
        "delivery_report", lambda report: report.acknowledged_player_ids.append("p99")
    ),
    "nobody is absent who is there": _take_everybody_for_absent,
    "protocol is kept": _say_goodbye,
    "accepted once": _have_it_done_twice,
    "effects are what was asked": _ask_for_something_else,
    "accepted without effect only where it is so": _lose_an_effect,
    "refused without effect": _refuse_what_was_done,
    "answered with its version": _answer_another_version,
    "one command an id": _take_an_id_twice,
    "nothing that nobody asked for": _have_it_asked_by_nobody,
    "watches are whole": lambda history: _fed(history).items.pop(0),
    "watches are true to the log": _tell_a_watch_something_else,
    "watches know when they are current": lambda history: _fed(history).caught_up.append(
        Caught(opened=float("inf"), after=0)
    ),
    "watches become current": lambda history: _fed(history).items.pop(),
    "durable before a watch tells": _have_a_watch_told_of_what_never_was,
    "reads are the log's": _read_something_else,
    "histories are the log's": _read_a_history_with_a_hole,
    "convergence": _show_something_else,
    "nothing is left undone": _show_something_old,
    "presence": _show_nobody,
    "reports come to an end": _leave_reports_open,
    "bounded": lambda history: history.measure("commands in a mailbox", 5, 4),
    "no incident": lambda history: history.incidents.append("server: a decision failed"),
}
"""Each is done to a history in which nothing is wrong."""


def copy_of(history: History) -> History:
    """One that can be tampered with, while the other stays as it is."""
    return replace(
        history,
        appends=[*history.appends],
        streams=[
            replace(stream, written=[*stream.written], said=[*stream.said])
            for stream in history.streams
        ],
        calls=[replace(call, written=[*call.written]) for call in history.calls],
        fed=[replace(fed, items=[*fed.items], caught_up=[*fed.caught_up]) for fed in history.fed],
        reads=[*history.reads],
        read_histories=[*history.read_histories],
        asked=[replace(asked, outcomes=[*asked.outcomes]) for asked in history.asked],
        reused=[*history.reused],
        told=[replace(told, items=[*told.items]) for told in history.told],
        shown=[replace(shown) for shown in history.shown],
        gauges={**history.gauges},
        incidents=[*history.incidents],
    )
