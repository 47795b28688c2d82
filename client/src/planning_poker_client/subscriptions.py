"""The games that a client follows: who follows them, and how each goes on after a gap. Pure."""

from collections import Counter, deque
from collections.abc import Iterator, Sequence
from typing import Final

import planningpoker.v1 as pb
from planning_poker_client.answers import own_vote
from planning_poker_client.changes import Receipt, RolledBack
from planning_poker_client.errors import CommandRefused, GameDetached, PokerError, Replaced
from planning_poker_client.inbox import AckPace, HeldSeat, Inbox
from planning_poker_client.inflight import InFlight, Request
from planning_poker_client.notices import Ended, Notice, Reported, Resuming, Settled, Told, Undone
from planning_poker_client.reports import report_of
from planning_poker_client.resumes import Resumes
from planning_poker_client.seats.keys import plain_code

_FAREWELLS: Final = {
    "player_left": ("You left the game.", "REQUESTED"),
    "player_removed": ("You were removed from the game.", "REMOVED"),
    "seat_reset": ("The seat got a new secret: attach with that.", "REMOVED"),
}
"""What the server would have said of a seat that was lost."""


class Subscriptions:
    """One inbox per game, whoever of this client follows it.

    A stream has one subscription per game, with all seats held here: each
    Attach is made anew, when it is sent, from the seats of that moment.
    """

    def __init__(self, requests: InFlight, instance_id: str, resume_within: float) -> None:
        self.games: dict[str, Inbox] = {}
        self.pace = AckPace()
        self.detaches: deque[pb.Detach] = deque()
        """To be sent."""
        self._requests = requests
        self._resumes = Resumes(requests, instance_id, resume_within)
        self._holders: dict[str, Counter[str]] = {}

    # What the client wants

    def followed(self, name: str) -> str:
        """The id of a game that is followed, by its id or join code; else `name`."""
        code = plain_code(name)
        for game_id, inbox in self.games.items():
            if code in (game_id, plain_code(inbox.view.join_code)):
                return game_id
        return name

    def hold(self, game_id: str, player_id: str) -> None:
        """One more follows this game, with this seat or none."""
        self._holders.setdefault(game_id, Counter())[player_id] += 1

    def release(self, game_id: str, player_id: str, now: float) -> None:
        """One less does; with the last one the game is detached."""
        holders, inbox = self._holders.get(game_id), self.games.get(game_id)
        if holders is None or inbox is None or player_id not in holders:
            return
        holders[player_id] -= 1
        if not holders[player_id]:
            del holders[player_id]
        if self.tidy(game_id) or player_id in holders:
            return
        if inbox.seats.pop(player_id, None) is not None:
            self._resumes.ask(game_id, now)

    def given_up(self, request: Request, now: float) -> None:
        """Nobody waits for this request any more; it is in flight no longer."""
        self.tidy(request.attached)
        if request.sent and not request.is_command and request.game in self.games:
            # With which seats the game is attached now, only another Attach can settle.
            self._resumes.ask(request.game, now)

    def is_coming_back(self, request: Request) -> bool:
        """Whether the seat that this command acts for is just being attached again."""
        inbox = self.games.get(request.game)
        if inbox is None or isinstance(request.payload, pb.Attach):
            return False
        return request.payload.player_id in inbox.seats and self._resumes.is_asked(request.game)

    def tidy(self, game_id: str) -> bool:
        """Detach a game that nobody follows or is about to; True if that was so."""
        if (
            game_id not in self.games
            or self._holders.get(game_id)
            or any(request.attached == game_id for request in self._requests)
        ):
            return False
        self._drop(game_id)
        self.detaches.append(pb.Detach(game_id=game_id))
        return True

    def _drop(self, game_id: str) -> None:
        inbox = self.games.pop(game_id)
        inbox.lapse()
        inbox.pending.clear()
        self._holders.pop(game_id, None)
        self._resumes.drop(game_id)

    def clear(self) -> None:
        """Follow nothing any more."""
        for game_id in tuple(self.games):
            self._drop(game_id)

    # What is sent

    def prepare(self, request: Request) -> pb.Attach:
        """The Attach as it is sent now: with all seats, and after what is known."""
        asked = request.payload
        if isinstance(asked, pb.Command):
            raise TypeError("a command is not an Attach")
        inbox = self.games.get(asked.game_id)
        if inbox is None:
            request.sent_as = asked
        else:
            request.sent_as = inbox.resume(asked.seats)
            request.sent_as.passcode = asked.passcode or request.sent_as.passcode
        return request.sent_as

    def acks(self, now: float) -> Iterator[pb.Ack]:
        """The acknowledgements that are due."""
        for game_id, inbox in self.games.items():
            # Around an Attach it is not known which subscription would get it.
            ack = None if self._requests.attaching(game_id) else inbox.take_ack(now)
            if ack is not None:
                yield ack

    def acks_due(self) -> Iterator[float]:
        """When there are acknowledgements to send."""
        for game_id, inbox in self.games.items():
            if inbox.ack_due is not None and not self._requests.attaching(game_id):
                yield inbox.ack_due

    # Going on

    def stream_lost(self) -> None:
        """What was asked on the old stream to go on there is void."""
        self.detaches.clear()
        self._resumes.stream_lost()
        for inbox in self.games.values():
            inbox.lapse()

    def resume_all(self, now: float, *, same_log: bool) -> Sequence[Notice]:
        """On a new stream: every game goes on; without `same_log`, from a snapshot."""
        notices: list[Notice] = []
        for game_id, inbox in tuple(self.games.items()):
            lost = self._lost_seat(game_id, inbox)
            if lost:
                self._drop(game_id)
                notices.append(Ended(game_id, GameDetached(*_FAREWELLS[lost])))
                continue
            if not same_log:
                inbox.distrust()
                inbox.reports.clear()
            self._resumes.ask(game_id, now)
        return notices

    def _lost_seat(self, game_id: str, inbox: Inbox) -> str:
        """The event that took the last seat of a game, whose Detached was lost with its stream.

        Empty where somebody follows the game with another seat, or without one.
        """
        holders = self._holders.get(game_id)
        if not holders or self._requests.attaching(game_id):
            return ""
        lost = [inbox.lost_seats.get(each, "") for each in holders if each not in inbox.seats]
        return lost[-1] if len(lost) == len(holders) and all(lost) else ""

    def resume(
        self, game_id: str, now: float, reason: str, retry_after: float = 0.0
    ) -> Sequence[Notice]:
        """Ask for what is missing: at once, then less and less often, then the game ends here."""
        self.games[game_id].lapse()
        if self._resumes.is_asked(game_id):
            return ()
        if self._resumes.again(game_id, now, retry_after):
            return (Resuming(game_id, reason),)
        self._drop(game_id)
        message = f"The game could not be followed any more: {reason}."
        return (Ended(game_id, GameDetached(message, "LOST", retryable=True)),)

    # The seats' commands

    def asked(self, request: Request) -> None:
        """A command was given: its seat shows what it hopes for."""
        inbox = self.games.get(request.game)
        if inbox is not None and isinstance(request.payload, pb.Command):
            inbox.pending.add(request.correlation_id, request.payload)

    def failed(self, request: Request, error: PokerError | None) -> Sequence[Notice]:
        """A command was refused or given up; without an error, by who gave it."""
        inbox = self.games.get(request.game)
        shown = inbox.pending.drop(request.correlation_id) if inbox is not None else None
        if shown is None or error is None or isinstance(error, Replaced):
            return ()
        item = RolledBack(request.correlation_id, shown.name, error)
        return (Undone(request.game, request.actor, item, request.kept),)

    # What the server says

    def attached(
        self, attached: pb.Attached, request: Request | None, now: float
    ) -> Sequence[Notice]:
        """A game is followed from here on; `request` is what asked for it, if still in flight."""
        game_id = attached.game_id
        sent = request.sent_as if request is not None else None
        inbox = self.games.get(game_id)
        if inbox is None:
            if request is None or not attached.HasField("snapshot"):
                # Who asked for it has given up meanwhile.
                self.detaches.append(pb.Detach(game_id=game_id))
                return ()
            inbox = self.games[game_id] = Inbox(attached.snapshot)
        items = inbox.attached(attached, sent.after_version if sent else 0, now, self.pace)
        notices: list[Notice] = [Told(game_id, items)] if items else []
        if attached.HasField("last_report"):
            notices.extend(self.delivery_report(attached.last_report, ""))
        if request is not None and request.is_command:
            request.attached = game_id
        elif request is not None:
            notices.extend(self._answered(request, inbox, attached))
        if inbox.seats.keys() - set(attached.player_ids):
            # Another request for the same game crossed ours.
            notices.extend(self.resume(game_id, now, "some seats are not attached"))
        return notices

    def _answered(self, request: Request, inbox: Inbox, attached: pb.Attached) -> Sequence[Notice]:
        self._requests.pop(request.correlation_id)
        sent = request.sent_as or pb.Attach()
        inbox.passcode = sent.passcode or inbox.passcode
        for seat in sent.seats:
            if seat.player_id not in inbox.seats and seat.player_id != request.seat:
                continue  # let go, or dead, since this was sent
            if seat.player_id in attached.player_ids:
                inbox.seats[seat.player_id] = HeldSeat(seat.seat_secret, attached.head_version)
            else:
                inbox.seats.pop(seat.player_id, None)
        if attached.HasField("snapshot") or attached.head_version <= inbox.view.version:
            self._resumes.went_on(attached.game_id)
        if request.resumes:
            return ()
        receipt = Receipt(
            request.correlation_id,
            attached.game_id,
            attached.head_version,
            player_id=request.seat,
        )
        return (Settled(request.correlation_id, receipt),)

    def refused(self, request: Request, now: float) -> None:
        """Its answer was no: what an Attach would have acknowledged is to be said after all."""
        inbox = self.games.get(request.game)
        if inbox is not None and not request.is_command:
            inbox.ack_due = now

    def accepted(self, request: Request, receipt: Receipt) -> None:
        """What the sender of an accepted command knows without waiting for more."""
        inbox = self.games.get(receipt.game_id)
        if inbox is None:
            return
        if request.attached and receipt.player_id:
            seat = HeldSeat(request.seat_secret, receipt.version)
            inbox.seats[receipt.player_id] = seat
        own = own_vote(request, receipt)
        if own is not None:
            inbox.seat_state(own)
        inbox.pending.accepted(request.correlation_id, receipt.version, inbox.view.version)

    def seat_state(self, state: pb.SeatState) -> Sequence[Notice]:
        """What only the holder of a seat is told."""
        inbox = self.games.get(state.game_id)
        if inbox is not None:
            inbox.seat_state(state)
        return ()

    def presence_delta(self, delta: pb.PresenceDelta) -> Sequence[Notice]:
        """Who came and who went."""
        inbox = self.games.get(delta.game_id)
        if inbox is not None:
            inbox.presence(delta)
        return ()

    def delivery_report(self, report: pb.DeliveryReport, correlation_id: str) -> Sequence[Notice]:
        """Who has a critical event; without `correlation_id` where its cause is not named."""
        inbox = self.games.get(report.game_id)
        if inbox is None:
            return ()
        inbox.reports.take(report_of(report), correlation_id)
        return (Reported(report.game_id),)

    def detached(
        self, detached: pb.Detached, request: Request | None, now: float
    ) -> Sequence[Notice]:
        """A game is followed no longer, or an Attach was refused."""
        if request is not None and not request.is_command:
            if not request.resumes and self._let_go(request, detached.refusal):
                self._requests.again(request)  # it was not its own proof that was wrong
                return ()
            self._requests.pop(request.correlation_id)
            if not request.resumes:
                self.refused(request, now)
                return (Settled(request.correlation_id, CommandRefused(detached.refusal)),)
        elif request is None and detached.reason == pb.DETACH_REASON_REFUSED:
            return ()  # an Attach that was given up meanwhile; the game goes on as it was
        game_id = request.game if request is not None else detached.game_id
        inbox = self.games.get(game_id)
        if inbox is None:
            return ()  # as it was asked to
        reason = _reason(detached)
        if detached.next_step == pb.NEXT_STEP_REJOIN:
            inbox.distrust()
        if detached.next_step != pb.NEXT_STEP_STOP or self._others(inbox, detached):
            retry_after = detached.retry_delay.ToTimedelta().total_seconds()
            return self.resume(game_id, now, f"detached as {reason}", retry_after)
        self._drop(game_id)
        return (Ended(game_id, GameDetached(detached.message, reason)),)

    def _let_go(self, request: Request, refusal: pb.Refusal) -> bool:
        """Whether an Attach is refused for no more than seats that were held beside its own."""
        inbox, dead = self.games.get(request.game), set(refusal.player_ids)
        if inbox is None or request.seat in dead or not dead & inbox.seats.keys():
            return False
        for player_id in dead:
            inbox.seats.pop(player_id, None)
        return True

    def _others(self, inbox: Inbox, detached: pb.Detached) -> bool:
        """Whether the game goes on without the seat that left, or whose proof was refused."""
        for player_id in detached.refusal.player_ids:
            inbox.seats.pop(player_id, None)
        left = detached.reason == pb.DETACH_REASON_REQUESTED
        holders = self._holders.get(inbox.view.game_id, Counter())
        return (left or bool(detached.refusal.player_ids)) and any(
            not player_id or player_id in inbox.seats for player_id in holders
        )

    def event_batch(self, batch: pb.EventBatch, now: float) -> Sequence[Notice]:
        """The next events of a game, or a snapshot instead."""
        inbox = self.games.get(batch.game_id)
        if inbox is None:
            return ()
        received = inbox.receive(batch, now, self.pace)
        notices: list[Notice] = []
        if received.items:
            self._resumes.went_on(batch.game_id)
            notices.append(Told(batch.game_id, received.items))
        if received.gap:
            notices.extend(self.resume(batch.game_id, now, "an event is missing"))
        return notices

    def pong(self, pong: pb.Pong, now: float) -> Sequence[Notice]:
        """The heads of the games, by which a lost last event shows."""
        notices: list[Notice] = []
        for game_id, head in pong.head_versions.items():
            inbox = self.games.get(game_id)
            if inbox is not None and inbox.told_head(head):
                notices.extend(self.resume(game_id, now, "the last events have not come"))
        return notices


def _reason(detached: pb.Detached) -> str:
    reason = detached.refusal.reason
    if detached.reason == pb.DETACH_REASON_REFUSED and reason in pb.Reason.values():
        return pb.Reason.Name(reason).removeprefix("REASON_")
    if detached.reason in pb.DetachReason.values():
        return pb.DetachReason.Name(detached.reason).removeprefix("DETACH_REASON_")
    return str(detached.reason)
