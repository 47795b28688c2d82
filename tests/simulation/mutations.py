"""Bugs that are planted in the product, to see that the simulation finds them.

Each replaces one method of a class by a wrong one, in the process of the test
and nowhere else. What each took is in README.md beside this file.
"""

import asyncio
from collections.abc import Callable, Iterable, Sequence, Set
from dataclasses import replace
from typing import Any, Final, TypeAlias
from uuid import UUID, uuid5

import pytest

import planningpoker.v1 as pb
from planning_poker_client import answers, connection
from planning_poker_client.calls import tries
from planning_poker_client.calls.tries import Tries
from planning_poker_client.changes import Change
from planning_poker_client.connection import Connection
from planning_poker_client.feed.items import FeedItem
from planning_poker_client.feed.watching import Watching
from planning_poker_client.game import Game
from planning_poker_client.inbox import AckPace, Inbox, Received
from planning_poker_client.inflight import InFlight
from planning_poker_client.subscriptions import Subscriptions
from planning_poker_model.view import GameView
from planning_poker_server import session
from planning_poker_server.audience import Audience
from planning_poker_server.deliveries import Deliveries
from planning_poker_server.domain import decide
from planning_poker_server.domain.case import Case
from planning_poker_server.domain.receipts import Receipts
from planning_poker_server.domain.types import Decision, Draft
from planning_poker_server.eventlog.port import Commit, Conflict, LogUnavailable, Proposal, Record
from planning_poker_server.feed import FedEvent, Feed
from planning_poker_server.outbox import Outbox
from planning_poker_server.presence import Leases
from planning_poker_server.reads import ReadService
from planning_poker_server.room import Answer, Attachment, Room, Ticket
from planning_poker_server.room_driver import RoomDriver

Plant: TypeAlias = Callable[[pytest.MonkeyPatch], None]


def published_before_the_commit(patch: pytest.MonkeyPatch) -> None:
    async def append(self: RoomDriver, proposal: Proposal) -> Commit | Conflict | None:
        writing = asyncio.ensure_future(self._log.append(proposal))
        writing.add_done_callback(lambda done: done.cancelled() or done.exception())
        return Commit(proposal)

    patch.setattr(RoomDriver, "_append", append)


def duplicates_forgotten_after_a_restart(patch: pytest.MonkeyPatch) -> None:
    whole = Room.catch_up

    def catch_up(self: Room, records: Iterable[Record]) -> Sequence[pb.GameEvent]:
        events = whole(self, records)
        self._receipts = Receipts()
        return events

    patch.setattr(Room, "catch_up", catch_up)


def redelivery_skips_an_event(patch: pytest.MonkeyPatch) -> None:
    whole = Outbox._send_again

    def send_again(self: Outbox, after: int, now_ms: int) -> bytes:
        return whole(self, after + 1 if 0 <= after < self.sent - 1 else after, now_ms)

    patch.setattr(Outbox, "_send_again", send_again)


def a_card_leaks_into_the_snapshot(patch: pytest.MonkeyPatch) -> None:
    def snapshot(self: Room) -> bytes:
        game = self.state.view.to_game()
        if game.phase == pb.GAME_PHASE_VOTING:
            for player in self.state.view.voted:
                card, comment = self.state.sealed_vote(player)
                game.current_round.votes.add(player_id=player, card=card, comment=comment)
        return game.SerializeToString()

    patch.setattr(Room, "snapshot", snapshot)


def resume_begins_one_too_late(patch: pytest.MonkeyPatch) -> None:
    whole = Room.attach

    def attach(self: Room, after_version: int, after_correlation_id: str) -> Attachment:
        begin = whole(self, after_version, after_correlation_id)
        behind = begin.snapshot is None and begin.after < begin.head
        return begin._replace(after=begin.after + 1) if behind else begin

    patch.setattr(Room, "attach", attach)


def resume_begins_one_too_early(patch: pytest.MonkeyPatch) -> None:
    whole = Room.attach

    def attach(self: Room, after_version: int, after_correlation_id: str) -> Attachment:
        begin = whole(self, after_version, after_correlation_id)
        behind = begin.snapshot is None and self.reaches(begin.after - 1)
        return begin._replace(after=begin.after - 1) if behind else begin

    patch.setattr(Room, "attach", attach)


def acknowledged_before_it_is_applied(patch: pytest.MonkeyPatch) -> None:
    whole = Inbox.receive
    waiting: dict[Inbox, pb.EventBatch] = {}

    def receive(self: Inbox, batch: pb.EventBatch, now: float, pace: AckPace) -> Received:
        if batch.HasField("snapshot") or not batch.events:
            return whole(self, batch, now, pace)
        earlier = waiting.pop(self, None)
        received = whole(self, earlier, now, pace) if earlier is not None else Received()
        waiting[self] = batch
        self._acknowledge(batch.events[-1].version, now)
        return received

    def take_ack(self: Inbox, now: float) -> pb.Ack | None:
        if self.ack_due is None or self.ack_due > now:
            return None
        self.ack_due = None
        return pb.Ack(game_id=self.view.game_id, version=self._sent_through)

    patch.setattr(Inbox, "receive", receive)
    patch.setattr(Inbox, "take_ack", take_ack)


def an_append_in_doubt_counts_as_failed(patch: pytest.MonkeyPatch) -> None:
    async def append(self: RoomDriver, proposal: Proposal) -> Commit | Conflict | None:
        try:
            return await self._log.append(proposal)
        except LogUnavailable as error:
            raise LogUnavailable(str(error), definite=True) from error

    patch.setattr(RoomDriver, "_append", append)


def applied_on_conflict_without_deciding_again(patch: pytest.MonkeyPatch) -> None:
    whole = RoomDriver._append

    async def append(self: RoomDriver, proposal: Proposal) -> Commit | Conflict | None:
        outcome = await whole(self, proposal)
        if not isinstance(outcome, Conflict) or not proposal.records:
            return outcome
        by = outcome.head - proposal.expected_head
        moved = [_moved(record, by) for record in proposal.records]
        await whole(self, replace(proposal, expected_head=outcome.head, records=moved))
        return Commit(proposal)

    patch.setattr(RoomDriver, "_append", append)


def _moved(record: Record, by: int) -> Record:
    event = pb.GameEvent.FromString(record.event)
    event.version += by
    return record._replace(version=event.version, event=event.SerializeToString())


def the_last_event_of_a_batch_is_dropped(patch: pytest.MonkeyPatch) -> None:
    whole = Room._framed

    def framed(self: Room, after: int, events: Sequence[Any], *rest: Any) -> Any:
        frame = whole(self, after, events[:-1] if len(events) > 1 else events, *rest)
        return frame._replace(last=events[-1].version)

    patch.setattr(Room, "_framed", framed)


def answers_come_before_their_events(patch: pytest.MonkeyPatch) -> None:
    whole = session.Session.answer

    def answer(
        self: session.Session, serial: int, result: pb.CommandResult, _: int, now_ms: int
    ) -> None:
        whole(self, serial, result, 0, now_ms)

    patch.setattr(session.Session, "answer", answer)


def presence_never_ends(patch: pytest.MonkeyPatch) -> None:
    def close(self: Leases, player_id: str, now_ms: int) -> None:
        self._holders[player_id] -= 1

    patch.setattr(Leases, "close", close)


def presence_never_begins(patch: pytest.MonkeyPatch) -> None:
    def open_(self: Leases, player_id: str) -> bool:
        self._holders[player_id] += 1
        return False

    patch.setattr(Leases, "open", open_)


def a_blip_is_an_absence(patch: pytest.MonkeyPatch) -> None:
    whole = Leases.close

    def close(self: Leases, player_id: str, now_ms: int) -> None:
        whole(self, player_id, now_ms)
        if player_id in self._leaving:
            self._leaving[player_id] = now_ms - self._grace_ms

    patch.setattr(Leases, "close", close)


def seat_states_go_to_everyone(patch: pytest.MonkeyPatch) -> None:
    whole = Audience._seat_changed

    def seat_changed(self: Audience, name: str, player_id: str) -> None:
        whole(self, name, player_id)
        for outbox in self._subscribers.values():
            outbox._seat_states[player_id] = None

    patch.setattr(Audience, "_seat_changed", seat_changed)


def an_id_stands_for_any_command(patch: pytest.MonkeyPatch) -> None:
    whole = Room._repeated

    def repeated(self: Room, ticket: Ticket, sender: str, batch: Any) -> Answer | None:
        receipt = self._receipt(sender, ticket.correlation_id, batch)
        if receipt is not None:
            ticket = replace(ticket, digest=receipt.digest)
        return whole(self, ticket, sender, batch)

    patch.setattr(Room, "_repeated", repeated)


def the_sdk_sends_again_under_a_new_id(patch: pytest.MonkeyPatch) -> None:
    whole = Connection._say
    said: dict[Connection, set[str]] = {}

    def say(self: Connection, correlation_id: str = "", **payload: Any) -> None:
        known = said.setdefault(self, set())
        if "command" in payload:
            again = correlation_id in known
            known.add(correlation_id)
            if again:
                correlation_id = str(uuid5(UUID(int=0), correlation_id))
        whole(self, correlation_id, **payload)

    patch.setattr(Connection, "_say", say)


def the_sdk_tells_duplicates(patch: pytest.MonkeyPatch) -> None:
    whole = Inbox.receive

    def receive(self: Inbox, batch: pb.EventBatch, now: float, pace: AckPace) -> Received:
        known = self.view.version
        received = whole(self, batch, now, pace)
        again = [event for event in batch.events if event.version <= known]
        items = [Change(e.version, e.WhichOneof("event") or "", e) for e in again]
        return received._replace(items=[*items, *received.items])

    patch.setattr(Inbox, "receive", receive)


def the_sdk_overlooks_a_change(patch: pytest.MonkeyPatch) -> None:
    whole = Inbox.receive

    def receive(self: Inbox, batch: pb.EventBatch, now: float, pace: AckPace) -> Received:
        received = whole(self, batch, now, pace)
        return received._replace(items=received.items[:3])

    patch.setattr(Inbox, "receive", receive)


def what_was_sent_counts_as_acknowledged(patch: pytest.MonkeyPatch) -> None:
    def note(self: Audience, outbox: Outbox) -> bool:
        outbox.awaited = self._deliveries.awaited(outbox.acknowledged)
        return self._deliveries.acknowledge(outbox.seats, self._room.head)

    patch.setattr(Audience, "_note_acknowledged", note)


def reports_never_end(patch: pytest.MonkeyPatch) -> None:
    def due(self: Deliveries, connected: Set[str], now_ms: int) -> Sequence[Any]:
        self._changed = False
        return [self._report(tracked, final=False) for tracked in self._open.values()]

    patch.setattr(Deliveries, "due", due)
    patch.setattr(Deliveries, "timer", lambda self: 0 if self._changed and self._open else None)


def the_window_is_ignored(patch: pytest.MonkeyPatch) -> None:
    whole = Outbox.__init__

    def init(self: Outbox, room: Room, seats: Any, begin: Any, limits: Any, *rest: Any) -> None:
        whole(self, room, seats, begin, replace(limits, window_events=10_000), *rest)

    patch.setattr(Outbox, "__init__", init)


def a_watch_skips_one_of_several(patch: pytest.MonkeyPatch) -> None:
    whole = Feed.after

    def after(self: Feed, place: int) -> Sequence[FedEvent] | None:
        run = whole(self, place)
        return run[1:] if run is not None and len(run) > 1 else run

    patch.setattr(Feed, "after", after)


def a_watch_forgets_what_came_while_it_looked(patch: pytest.MonkeyPatch) -> None:
    """Nothing rings for what is new: the feed is read again once a second, and tells nobody."""
    patch.setattr(Feed, "_wake", lambda self: None)


def a_cursor_is_ahead_of_what_was_taken(patch: pytest.MonkeyPatch) -> None:
    def take(self: Watching) -> FeedItem:
        self.cursor = self._reached
        item = self._waiting.popleft()
        return replace(item, cursor=self._reached)

    patch.setattr(Watching, "take", take)


def a_call_forgets_its_earlier_tries(patch: pytest.MonkeyPatch) -> None:
    whole = Tries.answered

    def answered(self: Tries, *rest: Any) -> Any:
        self._in_doubt = False
        return whole(self, *rest)

    patch.setattr(Tries, "answered", answered)


def a_lost_seat_speaks_for_earlier_tries(patch: pytest.MonkeyPatch) -> None:
    """As it was: refused for want of the seat, though the first try of the call had its effect."""

    def refusal_of(correlation_id: str, refusal: pb.Refusal, *, in_doubt: bool = False) -> Any:
        in_doubt = in_doubt and refusal.reason != pb.REASON_SEAT_NOT_HELD
        return answers.refusal_of(correlation_id, refusal, in_doubt=in_doubt)

    patch.setattr(tries, "refusal_of", refusal_of)


def an_earlier_version_is_read_without_its_last_event(patch: pytest.MonkeyPatch) -> None:
    whole = ReadService._view

    async def view(self: ReadService, game_id: str, version: int) -> GameView:
        return await whole(self, game_id, version - 1)

    patch.setattr(ReadService, "_view", view)


def _decided_otherwise(
    patch: pytest.MonkeyPatch, name: str, change: Callable[[Case, list[Draft]], Decision]
) -> None:
    """What a command is accepted with becomes something else, and its refusals stay."""
    whole = decide._HANDLERS[name]

    def decided(case: Case) -> Decision:
        decision = whole(case)
        return decision if isinstance(decision, pb.Refusal) else change(case, decision)

    patch.setitem(decide._HANDLERS, name, decided)


def an_estimate_is_accepted_and_not_kept(patch: pytest.MonkeyPatch) -> None:
    _decided_otherwise(patch, "accept_estimate", lambda _case, _drafts: [])


def an_edit_of_a_story_is_accepted_and_not_kept(patch: pytest.MonkeyPatch) -> None:
    _decided_otherwise(patch, "update_story", lambda _case, _drafts: [])


def a_rename_is_accepted_and_not_kept(patch: pytest.MonkeyPatch) -> None:
    def change(case: Case, drafts: list[Draft]) -> Decision:
        return [] if case.command.update_player.display_name else drafts

    _decided_otherwise(patch, "update_player", change)


def some_votes_are_kept_with_another_card(patch: pytest.MonkeyPatch) -> None:
    def change(case: Case, drafts: list[Draft]) -> Decision:
        if case.command.submit_vote.comment.endswith("3~"):
            drafts[0].sealed.vote.card = "1" if drafts[0].sealed.vote.card != "1" else "2"
        return drafts

    _decided_otherwise(patch, "submit_vote", change)


def what_is_blocked_hides_an_acknowledgement(patch: pytest.MonkeyPatch) -> None:
    """As it was: of all times the earliest, though only later ones are waited for."""

    def sendable_at(self: InFlight, _: float) -> float | None:
        times = [request.not_before for request in self._waiting.values()]
        return max(self._pace.ready(), min(times)) if times else None

    def wake(self: Connection, after: float = -1.0) -> float | None:
        if not self._link.connected:
            return None
        times = [self._requests.sendable_at(after), *self._games.acks_due()]
        times.append(self._heartbeat.ping_at())
        first = min((time for time in times if time is not None), default=None)
        return first if first is not None and first > after else None

    patch.setattr(InFlight, "sendable_at", sendable_at)
    patch.setattr(Connection, "wake", wake)


def a_refusal_speaks_for_earlier_attempts(patch: pytest.MonkeyPatch) -> None:
    """As it was: refused for the moment, although the first attempt had its effect."""

    def refusal_of(correlation_id: str, refusal: pb.Refusal, *, in_doubt: bool = False) -> Any:
        return answers.refusal_of(correlation_id, refusal)

    patch.setattr(connection, "refusal_of", refusal_of)


def who_left_stays_present(patch: pytest.MonkeyPatch) -> None:
    """As it was: nobody says of who is no player any more that they are gone."""
    patch.setattr(Game, "presence", property(lambda self: frozenset(self._inbox.present)))


def a_doubt_is_forgotten_once_it_is_settled(patch: pytest.MonkeyPatch) -> None:
    """As it was: in the log, and refused for certain, since confirming that failed."""
    whole = RoomDriver._refuse_unavailable

    def refuse(
        self: RoomDriver, tickets: Any, error: LogUnavailable, level: str, *, definite: bool
    ) -> None:
        whole(self, tickets, error, level, definite=error.definite and not self._in_doubt)

    patch.setattr(RoomDriver, "_refuse_unavailable", refuse)


def who_loses_the_seat_by_it_gets_no_receipt(patch: pytest.MonkeyPatch) -> None:
    """As it was: leaving, with the append in doubt, was refused for want of the seat."""
    whole = Room._repeated

    def repeated(self: Room, ticket: Ticket, sender: str, batch: Any) -> Answer | None:
        self._doubted = ()
        return whole(self, ticket, sender, batch)

    patch.setattr(Room, "_repeated", repeated)


def a_seat_that_was_lost_with_its_stream_is_held(patch: pytest.MonkeyPatch) -> None:
    """As it was: followed on without the seat, and nobody was told."""
    patch.setattr(Subscriptions, "_lost_seat", lambda *_: "")


MUTATIONS: Final[tuple[Plant, ...]] = (
    published_before_the_commit,
    duplicates_forgotten_after_a_restart,
    redelivery_skips_an_event,
    a_card_leaks_into_the_snapshot,
    resume_begins_one_too_late,
    resume_begins_one_too_early,
    acknowledged_before_it_is_applied,
    an_append_in_doubt_counts_as_failed,
    applied_on_conflict_without_deciding_again,
    the_last_event_of_a_batch_is_dropped,
    answers_come_before_their_events,
    presence_never_ends,
    presence_never_begins,
    a_blip_is_an_absence,
    seat_states_go_to_everyone,
    an_id_stands_for_any_command,
    the_sdk_sends_again_under_a_new_id,
    the_sdk_tells_duplicates,
    the_sdk_overlooks_a_change,
    what_was_sent_counts_as_acknowledged,
    reports_never_end,
    the_window_is_ignored,
    a_watch_skips_one_of_several,
    a_watch_forgets_what_came_while_it_looked,
    a_cursor_is_ahead_of_what_was_taken,
    a_call_forgets_its_earlier_tries,
    an_earlier_version_is_read_without_its_last_event,
    an_estimate_is_accepted_and_not_kept,
    an_edit_of_a_story_is_accepted_and_not_kept,
    a_rename_is_accepted_and_not_kept,
    some_votes_are_kept_with_another_card,
    what_is_blocked_hides_an_acknowledgement,
    a_refusal_speaks_for_earlier_attempts,
    who_left_stays_present,
    a_doubt_is_forgotten_once_it_is_settled,
    who_loses_the_seat_by_it_gets_no_receipt,
)
