"""What actions about programs, networks, the server and time do."""

from uuid import uuid4

from planning_poker_client import Receipt
from planning_poker_simulator.scenarios.acts_people import each_of
from planning_poker_simulator.scenarios.model import Step
from planning_poker_simulator.scenarios.seats import NotThere, Seat
from planning_poker_simulator.scenarios.table import Table
from planning_poker_simulator.server import PokerServer

# Their programs


async def disconnect(table: Table, step: Step) -> None:
    for seat in table.chosen(step):
        seat.game()
        if seat.player.connection:
            raise NotThere(f"{seat.name} shares a connection with others, which would go, too")
        before, windows = table.server_streams(), len(seat.programs)
        while seat.programs:
            await seat.close_window()
        if seat.line.works and table.server_runs and table.house.server is not None:
            left = before - windows
            await table.until(lambda left=left: table.server_streams() <= left, "not noticed")  # type: ignore[misc]


async def reconnect(table: Table, step: Step) -> None:
    async def back(seat: Seat) -> None:
        if not seat.player_id:
            raise NotThere(f"{seat.name} has not joined")
        id_ = str(uuid4())

        async def asking() -> Receipt:
            await seat.open_window(table.exits)
            return Receipt(id_, seat.game_id, seat.game().view.version)

        await table.answer(step, seat.name, id_, asking())

    await each_of(step, table.chosen(step), back)


async def open_tab(table: Table, step: Step) -> None:
    for seat in table.chosen(step):
        seat.game()
        await seat.open_window(table.exits)


async def close_tab(table: Table, step: Step) -> None:
    for seat in table.chosen(step):
        await seat.close_window()


async def freeze(table: Table, step: Step) -> None:
    for seat in _with_lines(table, step):
        seat.line.proxy.black_hole()
        seat.line.troubles.add("frozen")


async def thaw(table: Table, step: Step) -> None:
    await restore(table, step)


# Their network


def _with_lines(table: Table, step: Step) -> list[Seat]:
    """Those chosen, who all have had a program. Raises NotThere."""
    seats = table.chosen(step)
    for seat in seats:
        if not seat.player_id:
            raise NotThere(f"{seat.name} has not joined")
    return seats


async def cut(table: Table, step: Step) -> None:
    seats = _with_lines(table, step)
    for seat in seats:
        seat.line.proxy.cut()
    await _until_noticed(table, seats)


async def go_offline(table: Table, step: Step) -> None:
    seats = _with_lines(table, step)
    for seat in seats:
        seat.line.troubles.add("offline")
        seat.line.proxy.down()
    await _until_noticed(table, seats)


async def _until_noticed(table: Table, seats: list[Seat]) -> None:
    """A connection's end is told to the program; whether it is back already is no matter."""
    cut_off = [p for seat in seats for p in seat.programs if not seat.line.works]
    await table.until(
        lambda: not any(program.is_connected for program in cut_off), "the cut was not noticed"
    )


async def go_online(table: Table, step: Step) -> None:
    await restore(table, step)


async def hold(table: Table, step: Step) -> None:
    direction = step.text_of("direction") or "both"
    for seat in _with_lines(table, step):
        if direction == "both":
            seat.line.proxy.black_hole()
        else:
            seat.line.proxy.half_open("to_client" if direction == "to_player" else "to_server")
        seat.line.troubles.add("held")


async def slow(table: Table, step: Step) -> None:
    for seat in _with_lines(table, step):
        delay_ms, jitter_ms = step.number_of("delay") or 0, step.number_of("jitter") or 0
        seat.line.proxy.delay(delay_ms / 1_000, jitter_ms / 1_000)
        rate = step.number_of("bytes_per_second")
        if rate is not None:
            seat.line.proxy.throttle(rate)


async def restore(table: Table, step: Step) -> None:
    seats = _with_lines(table, step)
    for seat in seats:
        seat.line.to_usual()
    await table.until_back(seats)


# The server


def _server(table: Table) -> PokerServer:
    if table.house.server is None:
        raise NotThere("the server is not ours to stop")
    return table.house.server


async def kill_server(table: Table, _: Step) -> None:
    await _server(table).crash()
    table.server_runs = False


async def stop_server(table: Table, _: Step) -> None:
    await _server(table).stop()
    table.server_runs = False


async def start_server(table: Table, _: Step) -> None:
    await _server(table).start()
    table.server_runs = True
    await table.until_back(table.seats.values())


async def restart_server(table: Table, step: Step) -> None:
    await kill_server(table, step)
    await start_server(table, step)


async def upgrade_server(table: Table, step: Step) -> None:
    await stop_server(table, step)
    await start_server(table, step)


# Time


async def advance(table: Table, step: Step) -> None:
    await table.house.pass_time(step.number)
