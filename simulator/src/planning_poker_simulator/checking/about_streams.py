"""Checkers of what went over the wire."""

import re
from collections.abc import Iterator, Mapping
from typing import Final

import planningpoker.v1 as pb
from planning_poker_simulator.checking.evidence import Evidence, Message
from planning_poker_simulator.checking.history import MARK, Stream, Written

_COMMENT: Final = re.compile(re.escape(MARK).encode() + rb"~[^~]+~")


def atomic(evidence: Evidence) -> Iterator[str]:
    """Nobody begins within an append: where a snapshot or a head stands, an append ends."""
    for message in evidence.of_kind("attached", "event_batch"):
        payload = getattr(message.envelope, message.kind)
        heads = [payload.head_version] if message.kind == "attached" else []
        if payload.HasField("snapshot"):
            heads.append(payload.snapshot.version)
        truth = evidence.truths.get(payload.game_id)
        for head in heads:
            if truth is None or head not in truth.ends:
                yield f"{_who(message)} was put at version {head}, in the middle of an append"


def bookmarkable(evidence: Evidence) -> Iterator[str]:
    """Who says to be at a version has everything up to it, and was told of it."""
    for stream, messages in zip(evidence.history.streams, evidence.messages, strict=True):
        for said in stream.said:
            kind = said.envelope.WhichOneof("payload")
            if kind == "ack":
                game_id, version = said.envelope.ack.game_id, said.envelope.ack.version
            elif kind == "attach" and said.envelope.attach.after_version:
                attach = said.envelope.attach
                game_id, version = attach.game_id, attach.after_version
            else:
                continue
            has = said.versions.get(game_id, 0)
            if version > has:
                yield f"{stream.client} says to be at {version}, and has {has}"
            if kind == "ack":
                sent = max(_versions_sent(messages, game_id, said.time), default=0)
                if version > sent:
                    yield f"{stream.client} acknowledged {version}, and was sent {sent}"


def _versions_sent(messages: list[Message], game_id: str, until: float) -> Iterator[int]:
    for message in messages:
        if message.written.time > until:
            return
        if message.kind == "attached" and message.envelope.attached.game_id == game_id:
            yield message.envelope.attached.head_version
        elif message.kind == "event_batch" and message.envelope.event_batch.game_id == game_id:
            yield _through(message.envelope.event_batch)


def resumable(evidence: Evidence) -> Iterator[str]:
    """A subscription goes on exactly where it began: each event once, without a hole."""
    for stream, messages in zip(evidence.history.streams, evidence.messages, strict=True):
        asked, at = _asked(stream), dict[str, int]()
        for message in messages:
            if message.kind == "attached":
                at[message.envelope.attached.game_id] = _begin(message.envelope, asked)
            elif message.kind == "event_batch":
                batch = message.envelope.event_batch
                last = at.get(batch.game_id)
                if last is None:
                    yield f"{_who(message)} was sent events of a game it does not follow"
                    continue
                versions = [event.version for event in batch.events]
                first = batch.first_version
                if versions != list(range(first, first + len(versions))):
                    yield f"{_who(message)} was sent a batch with the versions {versions}"
                if versions and batch.attempt <= 1 and first != last + 1:
                    yield f"{_who(message)} was sent version {first} behind {last}"
                at[batch.game_id] = max(last, _through(batch))


def sent_again(evidence: Evidence) -> Iterator[str]:
    """What is sent again begins behind what was acknowledged, and has no hole either."""
    for stream, messages in zip(evidence.history.streams, evidence.messages, strict=True):
        asked, at = _asked(stream), dict[str, int]()
        for message in messages:
            if message.kind == "attached":
                at[message.envelope.attached.game_id] = _begin(message.envelope, asked)
            elif message.kind == "event_batch" and message.envelope.event_batch.attempt > 1:
                batch = message.envelope.event_batch
                acknowledged = _said_to_have(stream, batch.game_id, message.written.time)
                has = max(acknowledged, at.get(batch.game_id, 0))
                if batch.events and batch.first_version > has + 1:
                    yield f"{_who(message)} was sent {batch.first_version} again, having {has}"
                at[batch.game_id] = _through(batch)


def _said_to_have(stream: Stream, game_id: str, until: float) -> int:
    acks = (
        said.envelope.ack.version
        for said in stream.said
        if said.time <= until and said.envelope.ack.game_id == game_id
    )
    return max(acks, default=0)


def _through(batch: pb.EventBatch) -> int:
    if batch.HasField("snapshot"):
        return batch.snapshot.version
    return batch.events[-1].version if batch.events else 0


def durable(evidence: Evidence) -> Iterator[str]:
    """What is sent was committed before, and is what was committed."""
    for message in evidence.of_kind("event_batch"):
        batch = message.envelope.event_batch
        truth = evidence.truths.get(batch.game_id)
        for event in batch.events:
            if truth is None or event.version > truth.head:
                yield f"{_who(message)} was sent version {event.version}, which is in no log"
            elif event != truth.events[event.version - 1]:
                yield f"{_who(message)} was sent something else as version {event.version}"
            elif truth.committed_at[event.version - 1] > message.written.time:
                yield f"{_who(message)} was sent version {event.version} before it was committed"


def snapshots(evidence: Evidence) -> Iterator[str]:
    """A snapshot is what a cold replay shows at its version."""
    for message in evidence.of_kind("attached", "event_batch"):
        payload = getattr(message.envelope, message.kind)
        if not payload.HasField("snapshot"):
            continue
        truth = evidence.truths.get(payload.game_id)
        version = payload.snapshot.version
        if truth is None or truth.views.get(version) != payload.snapshot:
            yield f"{_who(message)} was sent a wrong snapshot of version {version}"


def answers(evidence: Evidence) -> Iterator[str]:
    """Who follows a game sees no answer before the events it stands for."""
    for stream, messages in zip(evidence.history.streams, evidence.messages, strict=True):
        asked, at = _asked(stream), dict[str, int]()
        for message in messages:
            envelope = message.envelope
            if message.kind == "attached":
                at[envelope.attached.game_id] = _begin(envelope, asked)
            elif message.kind == "detached" and envelope.detached.reason != _REFUSED:
                at.pop(envelope.detached.game_id, None)
            elif message.kind == "event_batch":
                game_id = envelope.event_batch.game_id
                at[game_id] = max(at.get(game_id, 0), _through(envelope.event_batch))
            elif message.kind == "command_result":
                result = envelope.command_result
                version, sent = result.accepted.version, at.get(result.game_id)
                if sent is not None and version > sent:
                    yield f"{_who(message)} was answered version {version}, being sent {sent}"


_REFUSED: Final = pb.DETACH_REASON_REFUSED


def _asked(stream: Stream) -> dict[str, int]:
    """From where on each Attach of a stream asked for events, by its correlation id."""
    return {
        said.envelope.correlation_id: said.envelope.attach.after_version
        for said in stream.said
        if said.envelope.HasField("attach")
    }


def _begin(envelope: pb.ServerEnvelope, asked: dict[str, int]) -> int:
    """The version that a subscription begins behind."""
    resumed = envelope.attached.outcome == pb.ATTACH_OUTCOME_RESUMED
    after = asked.get(envelope.correlation_id, 0)
    return after if resumed else envelope.attached.head_version


def redelivery(evidence: Evidence) -> Iterator[str]:
    """Nothing is sent twice where nobody was frozen, slow or cut."""
    for message in evidence.of_kind("event_batch"):
        if message.envelope.event_batch.attempt > 1 and not message.stream.disturbed:
            first = message.envelope.event_batch.first_version
            yield f"{_who(message)} was sent version {first} again, and nothing was wrong"


def secrecy(evidence: Evidence) -> Iterator[str]:
    """In nothing that leaves the server is a card before its reveal, but for its seat's holder."""
    author = {a.comment: (a.game_id, a.actor) for a in evidence.history.asked if a.comment}
    for call in evidence.history.calls:
        for written in call.written:
            for comment in _hidden(evidence, author, written):
                yield f"{call.client} was told the hidden vote {comment} by {call.method}"
    for messages in evidence.messages:
        held: set[tuple[str, str]] = set()
        for message in messages:
            if message.kind == "attached":
                attached = message.envelope.attached
                held = {each for each in held if each[0] != attached.game_id}
                held.update((attached.game_id, player) for player in attached.player_ids)
            yield from _hidden_votes(message)
            for comment in _hidden(evidence, author, message.written):
                if author.get(comment) not in held:
                    yield f"{_who(message)} was sent the hidden vote {comment} in {message.kind}"


def _hidden(
    evidence: Evidence, author: Mapping[str, tuple[str, str]], written: Written
) -> Iterator[str]:
    """The comments in a frame that not everybody may know when it is written."""
    for found in _COMMENT.findall(written.frame):
        comment = found.decode()
        game_id, _ = author.get(comment, ("", ""))
        truth = evidence.truths.get(game_id)
        public = truth.revealed.get(comment) if truth is not None else None
        if truth is None or public is None or truth.committed_at[public - 1] > written.time:
            yield comment


def _hidden_votes(message: Message) -> Iterator[str]:
    if message.kind in ("attached", "event_batch"):
        snapshot = getattr(message.envelope, message.kind).snapshot
        if snapshot.phase == pb.GAME_PHASE_VOTING and snapshot.current_round.votes:
            yield f"{_who(message)} was sent cards in a snapshot of an open round"


def own_cards(evidence: Evidence) -> Iterator[str]:
    """What a seat is told of its own card is right, and told to nobody else."""
    for messages in evidence.messages:
        held: set[tuple[str, str]] = set()
        for message in messages:
            if message.kind == "attached":
                attached = message.envelope.attached
                held = {each for each in held if each[0] != attached.game_id}
                held.update((attached.game_id, player) for player in attached.player_ids)
            elif message.kind == "seat_state":
                state = message.envelope.seat_state
                if (state.game_id, state.player_id) not in held:
                    yield f"{_who(message)} was told of the seat {state.player_id}, not its own"
                truth = evidence.truths.get(state.game_id)
                votes = truth.votes.get(state.at_version, {}) if truth is not None else {}
                if (state.card, state.comment) != votes.get(state.player_id, ("", "")):
                    yield f"{_who(message)} was told a wrong card of {state.player_id}"


def reports(evidence: Evidence) -> Iterator[str]:
    """Who is reported to have an event has said so before."""
    said = _acknowledged(evidence)
    for message in evidence.of_kind("delivery_report"):
        report = message.envelope.delivery_report
        truth = evidence.truths.get(report.game_id)
        for player in report.acknowledged_player_ids:
            if (report.game_id, player) in evidence.history.elsewhere:
                continue
            times = (
                time
                for time, version in said.get((report.game_id, player), ())
                if version >= report.version
            )
            if min(times, default=float("inf")) > message.written.time:
                yield f"version {report.version} is reported as had by {player}, who never said so"
        if truth is None or report.version > truth.head:
            yield f"version {report.version} is reported on, and is in no log"


def _acknowledged(evidence: Evidence) -> dict[tuple[str, str], list[tuple[float, int]]]:
    """By game and seat: when which version was said to be had, on a stream with that seat."""
    found: dict[tuple[str, str], list[tuple[float, int]]] = {}
    for stream, messages in zip(evidence.history.streams, evidence.messages, strict=True):
        seats: dict[str, set[str]] = {}
        for message in messages:
            if message.kind == "attached":
                attached = message.envelope.attached
                seats.setdefault(attached.game_id, set()).update(attached.player_ids)
        for said in stream.said:
            kind = said.envelope.WhichOneof("payload")
            if kind == "ack":
                ack = said.envelope.ack
                players = sorted(seats.get(ack.game_id, ()))
                version, game_id = ack.version, ack.game_id
            elif kind == "attach":
                attach = said.envelope.attach
                players = [seat.player_id for seat in attach.seats]
                version, game_id = attach.after_version, attach.game_id
            else:
                continue
            for player in players:
                found.setdefault((game_id, player), []).append((said.time, version))
    return found


def absence(evidence: Evidence) -> Iterator[str]:
    """A reveal finds nobody absent who was there within the grace."""
    grace_ms = evidence.settings.room.presence_grace_ms
    held = _held(evidence)
    for game_id, truth in evidence.truths.items():
        for event in truth.events:
            when_ms = event.event_time.ToMilliseconds()
            for player in event.votes_revealed.absent_player_ids:
                for since_ms, until_ms in held.get((game_id, player), ()):
                    if since_ms < when_ms < until_ms + grace_ms - _SLACK_MS and not any(
                        until_ms <= restart_ms <= when_ms
                        for restart_ms in evidence.history.restarts_ms
                    ):
                        yield f"version {event.version} takes {player} for absent, who was there"


_SLACK_MS: Final = 20
_EVER_MS: Final = 1 << 62


def _held(evidence: Evidence) -> dict[tuple[str, str], list[tuple[int, int]]]:
    """By game and seat: from when until when a stream held it, by the server's clock."""
    found: dict[tuple[str, str], list[tuple[int, int]]] = {}
    for stream, messages in zip(evidence.history.streams, evidence.messages, strict=True):
        since: dict[tuple[str, str], int] = {}
        ends_ms = stream.closed_ms if stream.closed_ms is not None else _EVER_MS

        def end(game_id: str, now_ms: int, since: dict[tuple[str, str], int] = since) -> None:
            for key in [key for key in since if key[0] == game_id]:
                found.setdefault(key, []).append((since.pop(key), now_ms))

        for message in messages:
            if message.kind == "attached":
                attached = message.envelope.attached
                end(attached.game_id, message.written.clock_ms)
                for player in attached.player_ids:
                    since[attached.game_id, player] = message.written.clock_ms
            elif message.kind == "detached":
                # Written later than done, so what was held just before does not count.
                for key in [key for key in since if key[0] == message.envelope.detached.game_id]:
                    del since[key]
        for key, since_ms in since.items():
            found.setdefault(key, []).append((since_ms, ends_ms))
    return found


def protocol(evidence: Evidence) -> Iterator[str]:
    """No stream is ended for breaking the protocol, and nothing meets a bug."""
    for message in evidence.of_kind("goodbye", "command_result"):
        if message.kind == "goodbye":
            goodbye = message.envelope.goodbye
            late = goodbye.refusal.reason == pb.REASON_HELLO_TIMEOUT and message.stream.disturbed
            if goodbye.reason != pb.GOODBYE_REASON_DRAINING and not late:
                yield f"{_who(message)} was told goodbye: {goodbye.message}"
        elif message.envelope.command_result.refusal.reason in _BUGS:
            refusal = message.envelope.command_result.refusal
            yield f"{_who(message)} was refused a command: {refusal.message}"


_BUGS: Final = frozenset(
    {
        pb.REASON_INTERNAL,
        pb.REASON_GAME_CORRUPT,
        pb.REASON_INVALID_CORRELATION_ID,
    }
)


def _who(message: Message) -> str:
    return f"{message.stream.client} (connection {message.stream.number})"
