"""What actions about people do."""

import asyncio
from collections.abc import Awaitable, Callable
from uuid import uuid4

from planning_poker_client import Game, PokerClient, Receipt
from planning_poker_client.seats.seating import CreateOptions, JoinOptions
from planning_poker_client.values import Role
from planning_poker_simulator.scenarios.game_settings import to_message
from planning_poker_simulator.scenarios.model import Step
from planning_poker_simulator.scenarios.programs import Program
from planning_poker_simulator.scenarios.seats import NotThere, Seat
from planning_poker_simulator.scenarios.table import Send, Table

AT_ONCE = 64
"""Of a crowd, how many act at the same moment."""


async def each_of(step: Step, seats: list[Seat], act: Callable[[Seat], Awaitable[object]]) -> None:
    """One after another, or a crowd at once. Raises what the first one raised."""
    if not step.at_once:
        for seat in seats:
            await act(seat)
        return
    places = asyncio.Semaphore(AT_ONCE)

    async def one(seat: Seat) -> None:
        async with places:
            await act(seat)

    async with asyncio.TaskGroup() as group:
        for seat in seats:
            group.create_task(one(seat))


# Seats


async def join(table: Table, step: Step) -> None:
    seats = table.chosen(step)
    if table.host is None and seats:
        await _sit_down(table, step, seats.pop(0))
    await each_of(step, seats, lambda seat: _sit_down(table, step, seat))


async def _sit_down(table: Table, step: Step, seat: Seat) -> None:
    program = await _program(table, seat)
    id_ = str(uuid4())
    game: Game | None = None

    async def asking() -> Receipt:
        nonlocal game
        taking = _open if table.host is None else _take_seat
        game = await taking(table, step, seat, program.client, id_)
        return Receipt(id_, game.game_id, game.view.version, player_id=game.player_id)

    if await table.answer(step, seat.name, id_, asking()) is None or game is None:
        if not program.games and not seat.player.connection:
            await program.close()
        return
    seat.player_id, seat.game_id = game.player_id, game.game_id
    program.follow(seat.name, game)
    seat.programs.append(program)
    if table.host is None:
        table.host, table.game_id = seat, game.game_id
    elif seat.player.facilitator:
        await _set_facilitator(table, step, table.host, seat, value=True)
    for _ in range(seat.player.tabs - 1):
        await seat.open_window(table.exits)


async def _program(table: Table, seat: Seat) -> Program:
    """A program that is connected: one's own, or that of those who share it."""
    if seat.programs:
        return seat.programs.pop(0)
    async with table.opening:
        key = seat.player.connection
        seat.line = await table.line_of(seat)
        if key in table.programs:
            return table.programs[key]
        program = Program(seat.line)
        await program.open()
        table.exits.push_async_callback(program.close)
        if key:
            table.programs[key] = program
        return program


async def _open(table: Table, _: Step, seat: Seat, client: PokerClient, id_: str) -> Game:
    options = CreateOptions(
        player=seat.player.called,
        role=_role(seat.player.role),
        seat_secret=seat.secret,
        settings=to_message(table.scenario.settings),
        passcode=table.passcode,
        request_id=id_,
    )
    return await client.create_game(table.scenario.name[:100], **options)


async def _take_seat(table: Table, step: Step, seat: Seat, client: PokerClient, id_: str) -> Game:
    options = JoinOptions(
        role=_role(seat.player.role),
        seat_secret=seat.secret,
        passcode=step.text_of("passcode") or table.passcode,
        proxied=seat.player.proxied,
        request_id=id_,
    )
    return await client.join(table.game_id, seat.player.called, **options)


def _role(name: str) -> Role:
    return "observer" if name == "observer" else "voter"


async def leave(table: Table, step: Step) -> None:
    await _each_asks(table, step, lambda game, id_: game.leave(request_id=id_))


async def claim(table: Table, step: Step) -> None:
    await _each_asks(table, step, lambda game, id_: game.claim_facilitation(request_id=id_))


async def _each_asks(table: Table, step: Step, send: Send) -> None:
    await each_of(step, table.chosen(step), lambda seat: table.ask(step, seat, send))


# Others, or oneself


def _by(table: Table, step: Step, seat: Seat) -> Seat:
    return table.seats[step.by] if step.by else seat


async def rename(table: Table, step: Step) -> None:
    for name, called in step.pairs:
        seat = table.seats[name]
        await table.ask(
            step,
            _by(table, step, seat),
            lambda game, id_, seat=seat, called=called: game.update_player(  # type: ignore[misc]
                seat.player_id, display_name=called, request_id=id_
            ),
        )


async def change_role(table: Table, step: Step) -> None:
    for name, role in step.pairs:
        seat = table.seats[name]
        await table.ask(
            step,
            _by(table, step, seat),
            lambda game, id_, seat=seat, role=role: game.update_player(  # type: ignore[misc]
                seat.player_id, role=_role(role), request_id=id_
            ),
        )


async def make_facilitator(table: Table, step: Step) -> None:
    for seat in table.chosen(step):
        await _set_facilitator(table, step, table.actor(step), seat, value=True)


async def step_down(table: Table, step: Step) -> None:
    for seat in table.chosen(step):
        await _set_facilitator(table, step, _by(table, step, seat), seat, value=False)


async def _set_facilitator(
    table: Table, step: Step, actor: Seat, seat: Seat, *, value: bool
) -> None:
    def send(game: Game, id_: str) -> Awaitable[Receipt]:
        return game.update_player(seat.player_id, facilitator=value, request_id=id_)

    await table.ask(step, actor, send)


async def remove(table: Table, step: Step) -> None:
    for seat in table.chosen(step):
        if not seat.player_id:
            raise NotThere(f"{seat.name} has not joined")
        await table.ask(
            step,
            table.actor(step),
            lambda game, id_, seat=seat: game.remove_player(  # type: ignore[misc]
                seat.player_id, request_id=id_
            ),
        )
