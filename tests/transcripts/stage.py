"""Plays a scene: does what stands at the margin, and notes what each client sees."""

import re
import shlex
import uuid
from collections.abc import Awaitable, Callable, Sequence
from typing import Any, Final, NamedTuple, Protocol

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

import planningpoker.v1 as pb
from tests.transcripts.person import Person, Wire
from tests.transcripts.render import short
from tests.transcripts.scene import Said, Scene, is_action

# Who is present is told at times of its own, and not in every run alike.
_NEVER_SHOWN: Final = ("presence_delta",)
_A_MOMENT: Final = 1e-6  # clocks are floats
_COMMAND: Final = re.compile(r"(\w+): (\w+)(.*?)(?: as (#[\w-]+))?")


class House(Protocol):
    """The server's side, pure or real."""

    def now(self) -> float:
        """The clients' clock, in seconds."""

    def dial(self) -> Wire | None:
        """A new stream; None while no server is there."""

    async def settle(self, pump: Callable[[], bool]) -> None:
        """Let everything happen that happens at once; `pump` moves the clients, while they move."""

    async def wait(self, until: float) -> None:
        """Let time pass until then, or until something has arrived for a client."""

    async def drain(self) -> None: ...

    async def start(self) -> None: ...

    def break_log(self, *, broken: bool) -> None: ...


class _Seen(NamedTuple):
    at: float
    """Seconds since the action."""
    place: int
    text: str


def _order(seen: _Seen) -> tuple[float, int]:
    return seen.at, seen.place


class Stage:
    """One scene being played."""

    def __init__(self, house: House) -> None:
        self._house = house
        self._people: dict[str, Person] = {}
        self._labels: dict[str, str] = {}
        self._serial = 0
        self._began = 0.0
        self._seen: list[_Seen] = []
        self._left_out: list[str] = []

    async def play(self, scene: Scene) -> Sequence[Said]:
        """Everything at the margin, with what was seen below each action."""
        self._left_out = [*_NEVER_SHOWN, *scene.left_out]
        await self._prepare(scene.players)
        said = []
        for line in scene.lines:
            seen = await self._act(line) if is_action(line) else ()
            said.append(Said(line, seen))
        return said

    async def _prepare(self, names: Sequence[str]) -> None:
        """A table with everyone at it, and nothing left to be said."""
        for place, name in enumerate(names):
            body = "join_game" if place else "create_game"
            await self._act(f"{name}: {body}")
        await self._pass(1.0)

    # What is done

    async def _act(self, line: str) -> list[str]:
        """What is seen of it: in the order of time, and at one time person by person."""
        self._began, self._seen = self._house.now(), []
        command = _COMMAND.fullmatch(line)
        if command:
            self._ask(*command.groups())
        else:
            await self._direct(line)
        await self._settle()
        return [
            f"[{at:g} s] {text}" if at else text for at, _, text in sorted(self._seen, key=_order)
        ]

    async def _direct(self, line: str) -> None:
        for pattern, do in self._directions.items():
            found = re.fullmatch(f"-- {pattern}", line)
            if found:
                await do(self, *found.groups())
                return
        raise AssertionError(f"this cannot be played: {line}")

    def _ask(self, name: str, body: str, arguments: str, label: str | None) -> None:
        person, now = self._person(name), self._house.now()
        self._serial += 1
        correlation_id = str(uuid.uuid5(uuid.NAMESPACE_OID, label or str(self._serial)))
        self._labels[correlation_id] = label or ""
        seat = pb.Seat(player_id=person.player_id, seat_secret=person.secret)
        if body == "attach":
            attach = pb.Attach(game_id=self._game_id, seats=[seat])
            person.connection.attach(attach, correlation_id, now)
            return
        command = pb.Command(game_id=self._game_id, player_id=person.player_id)
        message = getattr(command, body)
        message.SetInParent()
        self._fill(message, person)
        for each in shlex.split(arguments):
            _set(message, *each.split("=", 1))
        if body in ("create_game", "join_game"):
            command.player_id = ""
        person.connection.send(command, correlation_id, now)

    def _fill(self, message: Any, person: Person) -> None:
        """What a program knows without being told."""
        inbox = person.connection.games.get(person.game_id)
        if inbox is not None and "round_id" in message.DESCRIPTOR.fields_by_name:
            message.round_id = inbox.last_round_id
        if isinstance(message, pb.CreateGame):
            message.display_name = "Sprint 12"
            self._fill(message.creator, person)
        if isinstance(message, pb.JoinGame):
            message.display_name, message.seat_secret = person.name, person.secret
            message.attach = True

    def _person(self, name: str) -> Person:
        person = self._people.get(name)
        if person is None:
            person = self._people[name] = Person(
                name, self._house.dial, self._label, self._left_out
            )
            person.open(self._house.now())
        return person

    def _label(self, correlation_id: str) -> str:
        return self._labels.get(correlation_id, "")

    @property
    def _game_id(self) -> str:
        return next((p.game_id for p in self._people.values() if p.game_id), "")

    # What happens

    async def _settle(self) -> None:
        await self._house.settle(self._pump)

    def _pump(self) -> bool:
        moved, now = False, self._house.now()
        for place, person in enumerate(self._people.values()):
            moved = person.pump(now + _A_MOMENT) or moved
            at = round(now - self._began, 2)
            self._seen += [_Seen(at, place, text) for text in person.seen]
            person.seen.clear()
        return moved

    async def _pass(self, seconds: float) -> None:
        end = self._house.now() + seconds
        while True:
            await self._settle()
            now = self._house.now()
            if now + _A_MOMENT >= end:
                return
            due = [time for p in self._people.values() if (time := p.due()) is not None]
            await self._house.wait(min([end, *(max(time, now + 0.001) for time in due)]))

    # Stage directions

    async def _time_passes(self, number: str, unit: str) -> None:
        await self._pass(float(number) * {"ms": 0.001, "s": 1.0}[unit])

    async def _cut(self, name: str) -> None:
        self._person(name).cut(self._house.now())

    async def _quit(self, name: str) -> None:
        self._person(name).quit(self._house.now())

    async def _cut_unseen(self, name: str) -> None:
        self._person(name).cut_unseen(self._house.now())

    async def _fault(self, name: str, fault: str, *, on: bool = True) -> None:
        setattr(self._person(name).faults, fault, on)

    async def _log(self, state: str) -> None:
        self._house.break_log(broken=state == "down")

    async def _server(self, does: str) -> None:
        await (self._house.drain() if does == "drains" else self._house.start())

    async def _compare(self) -> None:
        views = {p.name: "; ".join(p.view()) for p in self._people.values()}
        seen = {view: [n for n, v in views.items() if v == view] for view in views.values() if view}
        texts = [f"{', '.join(names)}: {view}" for view, names in seen.items()]
        self._seen += [_Seen(0.0, 0, text) for text in texts]

    _directions: Final[dict[str, Callable[..., Awaitable[None]]]] = {
        r"([\d.]+) (ms|s) pass(?:es)?": _time_passes,
        r"(\w+)'s connection is cut": _cut,
        r"(\w+)'s connection is cut, and the server does not notice": _cut_unseen,
        r"(\w+)'s program ends": _quit,
        r"nothing reaches (\w+) any more": lambda self, name: self._fault(name, "deaf"),
        r"the next events to (\w+) are lost": lambda self, name: self._fault(name, "loses_events"),
        r"(\w+)'s acknowledgements are lost": lambda self, name: self._fault(name, "loses_acks"),
        r"(\w+)'s acknowledgements arrive again": lambda self, name: self._fault(
            name, "loses_acks", on=False
        ),
        r"(\w+) freezes": lambda self, name: self._fault(name, "frozen"),
        r"(\w+) thaws": lambda self, name: self._fault(name, "frozen", on=False),
        r"the log is (down|there again)": _log,
        r"the server (drains|is there again)": _server,
        r"what they see": _compare,
    }


def _set(message: Message, name: str, text: str) -> None:
    """Set a field from the text of its value."""
    field = message.DESCRIPTOR.fields_by_name[name]
    if field.is_repeated:
        getattr(message, name).add(title=text)
    elif field.enum_type is not None:
        numbers = {
            short(field.enum_type, value.number): value.number for value in field.enum_type.values
        }
        setattr(message, name, numbers[text])
    elif field.type == FieldDescriptor.TYPE_BOOL:
        setattr(message, name, text == "true")
    else:
        setattr(message, name, text)
