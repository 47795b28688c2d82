"""`planning-poker games import FILE.csv`: the stories of a file enter a game's backlog."""

from argparse import Namespace
from dataclasses import asdict

from planning_poker_client import (
    FileSeatStore,
    ImportedStories,
    PokerClient,
    PokerError,
    SeatHandle,
    SeatStoreError,
    StoryFile,
)
from planning_poker_server.cli.games.arguments import SERVER
from planning_poker_server.cli.games.output import print_json
from planning_poker_server.cli.games.server import token_of
from planning_poker_server.cli.running import Failure, interruptible, run, say
from planning_poker_server.cli.stories import stories_from
from planning_poker_server.observability import configure_logging
from planning_poker_server.printable import printable
from planning_poker_server.settings import LoggingSettings


def import_stories(arguments: Namespace) -> int:
    """Import them. Raises BadStories and Failure."""
    _check(arguments)
    stories = stories_from(arguments.file, arguments.base_url or "")
    # What the SDK would log is also raised.
    configure_logging(LoggingSettings(level="CRITICAL", format="text"))
    return run(interruptible(_import(arguments, stories)))


def _check(arguments: Namespace) -> None:
    if (arguments.game is None) == (arguments.new is None):
        message = "Stories go into a game: give --game CODE, or --new TITLE to open one."
        raise Failure(message, code=2)
    if arguments.game is not None and arguments.seats is None:
        message = "Somebody in the game puts them there: give --seats FILE with a seat in it."
        raise Failure(message, code=2)
    if arguments.new is not None and arguments.name is None:
        raise Failure("A new game has a facilitator: give --name NAME.", code=2)


async def _import(arguments: Namespace, stories: StoryFile) -> int:
    store = FileSeatStore(arguments.seats) if arguments.seats else None
    try:
        async with PokerClient(
            arguments.server or SERVER,
            token=token_of(arguments),
            client_name="planning-poker",
            connect=False,
            seats=store,
        ) as client:
            if arguments.new is not None:
                seat = await client.execute_create(arguments.new, player=arguments.name)
            else:
                seat = await _seat(client, FileSeatStore(arguments.seats), arguments.game)
            imported = await seat.import_stories(stories)
            code = (await client.read_game(seat.game_id)).join_code if arguments.new else ""
    except (PokerError, SeatStoreError) as error:
        raise Failure(str(error)) from error
    _tell(imported, code, arguments)
    return 0


async def _seat(client: PokerClient, store: FileSeatStore, game: str) -> SeatHandle:
    kept = [seat for seat in await store.load() if seat.player_id]
    if kept and not any(seat.is_in(game) for seat in kept):
        # The seats of games that were opened are kept by the game's id alone.
        game = (await client.read_game(game)).game_id
    for seat in kept:
        if seat.is_in(game):
            return client.seat(seat.game_id, seat.player_id, seat.seat_secret)
    raise Failure(f"There is no seat in {printable(game, 40)} among those that are kept there.")


def _tell(imported: ImportedStories, code: str, arguments: Namespace) -> None:
    if arguments.json:
        print_json({key: value for key, value in asdict(imported).items() if key != "notes"})
        return
    added = "1 story was added" if imported.added == 1 else f"{imported.added:,} stories were added"
    there = f"; {imported.already_there:,} were there already" if imported.already_there else ""
    say(f"{added}{there}.")
    if code:
        say(f"Join with {code}.")
