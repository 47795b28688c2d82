"""Before the load begins: connections are opened, games created, players seated."""

import asyncio
import math
import secrets
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Final

import planningpoker.v1 as pb
from planning_poker_simulator.load.line import Line
from planning_poker_simulator.load.plan import Plan
from planning_poker_simulator.load.table import STORIES, Player, Table
from planning_poker_simulator.load.tally import Tally, reason

_AT_ONCE: Final = 10
_FIRST_S: Final = 3.0
_PATIENCE_S: Final = 120.0
_RETRY_S: Final = 1.0

_GAMES_A_LINE: Final = 25
# Half of what the server, as it is shipped, lets a stream send.
_COMMANDS_A_LINE: Final = 25.0
# A vote each round like everyone, and three commands that keep the game going.
_FACILITATOR: Final = 4


class NotSeated(Exception):
    """The server refused what the load needs before it can begin."""


class House:
    """All tables, and the lines that their players sit at."""

    def __init__(self, lines: Sequence[Sequence[Line]], tally: Tally) -> None:
        self.tables: list[Table] = []
        self.tally = tally
        self._lines = lines

    @property
    def lines(self) -> list[Line]:
        """Each of them once."""
        return [line for block in self._lines for line in block]

    def at(self, game: int) -> Sequence[Line]:
        """The lines of a game's players: one for each, shared with other games."""
        return self._lines[game % len(self._lines)]


def blocks(plan: Plan) -> int:
    """Among how many sets of lines the games are divided.

    A set has one line for each player of a game, so that each event travels as
    often as there are players.
    """
    by_games = plan.games / _GAMES_A_LINE
    by_rate = plan.votes_per_s * _FACILITATOR / plan.players / _COMMANDS_A_LINE
    return min(plan.games, max(1, math.ceil(by_games), math.ceil(by_rate)))


@asynccontextmanager
async def seated(
    address: str, plan: Plan, tally: Tally, progress: Callable[[int], None]
) -> AsyncIterator[House]:
    """Everyone in their seats, with the first round of each game open.

    `progress` is told the games that are ready. Raises NoServer, NotSeated.
    """
    lines = [[Line(address, tally) for _ in range(plan.players)] for _ in range(blocks(plan))]
    house = House(lines, tally)
    try:
        try:
            async with asyncio.timeout(_PATIENCE_S):
                await _open(house)
                await _seat(house, plan, progress)
        except TimeoutError as error:
            message = f"Not everyone was seated within {_PATIENCE_S:.0f} s."
            raise NotSeated(message) from error
        yield house
    finally:
        await asyncio.gather(*[line.close() for line in house.lines])


async def _open(house: House) -> None:
    await house.lines[0].open(_FIRST_S)  # so that a wrong address is told once, and soon
    gate = asyncio.Semaphore(_AT_ONCE)

    async def open_one(line: Line) -> None:
        async with gate:
            await line.open()

    await asyncio.gather(*[open_one(line) for line in house.lines[1:]])


async def _seat(house: House, plan: Plan, progress: Callable[[int], None]) -> None:
    gate = asyncio.Semaphore(_AT_ONCE)
    ready = 0

    async def seat_one(number: int) -> Table:
        nonlocal ready
        async with gate:
            table = await _table(house.at(number), number, house.tally)
        ready += 1
        progress(ready)
        return table

    house.tables = await asyncio.gather(*[seat_one(number) for number in range(plan.games)])


async def _table(lines: Sequence[Line], number: int, tally: Tally) -> Table:
    """Create a game, add its stories, seat its players and open the first round."""
    create = pb.CreateGame(display_name=f"Load {number + 1}", creator=_join(1))
    created = await _accepted(lines[0], pb.Command(create_game=create))
    game_id, players = created.game_id, [_sits(lines[0], create.creator, created)]
    for place, line in enumerate(lines[1:], 2):
        join = _join(place)
        joined = await _accepted(line, pb.Command(game_id=game_id, join_game=join))
        players.append(_sits(line, join, joined))
    stories = [pb.NewStory(title=f"Story {place}") for place in range(1, STORIES + 1)]
    command = pb.Command(game_id=game_id, player_id=players[0].player_id)
    command.add_stories.stories.extend(stories)
    added = (await _accepted(lines[0], command)).accepted.story_ids
    command = pb.Command(game_id=game_id, player_id=players[0].player_id)
    command.start_round.story_id = added[0]
    started = (await _accepted(lines[0], command)).accepted.round_id
    return Table(game_id, players, list(added), started, tally)


def _join(place: int) -> pb.JoinGame:
    secret = secrets.token_bytes(32)
    return pb.JoinGame(display_name=f"Player {place}", seat_secret=secret, attach=True)


def _sits(line: Line, join: pb.JoinGame, joined: pb.CommandResult) -> Player:
    player_id = joined.accepted.player_id
    line.games[joined.game_id].seat = pb.Seat(player_id=player_id, seat_secret=join.seat_secret)
    return Player(line, player_id)


async def _accepted(line: Line, command: pb.Command) -> pb.CommandResult:
    """The answer to a command, asked again as long as the server wants it later."""
    while True:
        result = await line.answer(command)
        if not result.HasField("refusal"):
            return result
        refusal = result.refusal
        if not refusal.retryable:
            raise NotSeated(f"The server refused a seat, {reason(refusal)}: {refusal.message}")
        await asyncio.sleep(refusal.retry_delay.ToTimedelta().total_seconds() or _RETRY_S)
