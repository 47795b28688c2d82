"""`planning-poker games show`: one game as everyone may see it, now or at a version."""

from argparse import Namespace
from collections.abc import Iterator
from datetime import UTC

from google.protobuf.json_format import MessageToDict
from rich import box
from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

import planningpoker.v1 as pb
from planning_poker_model.decks import describe
from planning_poker_model.view import GameView
from planning_poker_server.cli.blocks import said
from planning_poker_server.cli.games.moments import local
from planning_poker_server.cli.games.output import print_json, print_rich
from planning_poker_server.cli.games.reading import reading
from planning_poker_server.cli.results import results, summary
from planning_poker_server.cli.running import interruptible, run
from planning_poker_server.cli.table import statistics_line


def show(arguments: Namespace) -> int:
    """Print the game. Raises Failure."""
    return run(interruptible(_show(arguments)))


async def _show(arguments: Namespace) -> int:
    async with reading(arguments, arguments.version) as game:
        view = game.view
    if arguments.json:
        print_json(MessageToDict(view.to_game()))
    else:
        print_rich(*_parts(view))
    return 0


def _parts(view: GameView) -> Iterator[RenderableType]:
    yield Text.assemble(said(view.display_name, "bold"), "  ", (view.join_code, "cyan"))
    yield _facts(view)
    if view.players:
        yield _people(view)
    if view.round is not None:
        yield _round(view, view.round)
    if view.stories:
        yield results(view)
        yield summary(view)


def _facts(view: GameView) -> Table:
    facts = Table(box=None, show_header=False, pad_edge=False)
    facts.add_column(style="dim", no_wrap=True)
    facts.add_column(overflow="fold")
    phase = pb.GamePhase.Name(view.phase).removeprefix("GAME_PHASE_").lower()
    facts.add_row("id", view.game_id)
    facts.add_row("phase", f"{phase}, at version {view.version:,}")
    if view.create_time is not None:
        facts.add_row("opened", local(view.create_time.ToDatetime(UTC)))
    facts.add_row("cards", said(describe(view.settings.deck)))
    if view.passcode_required:
        facts.add_row("passcode", "asked for")
    if view.labels:
        facts.add_row("labels", said(" ".join(f"{k}={v}" for k, v in sorted(view.labels.items()))))
    return facts


def _people(view: GameView) -> Table:
    people = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    people.add_column("Player")
    people.add_column("Id", style="dim", no_wrap=True)
    people.add_column("Role", no_wrap=True)
    for player in view.players.values():
        role = "observer" if player.role == pb.PLAYER_ROLE_OBSERVER else "voter"
        more = [
            word
            for word, is_so in (("facilitator", player.facilitator), ("proxied", player.proxied))
            if is_so
        ]
        people.add_row(said(player.display_name), player.player_id, ", ".join([role, *more]))
    return people


def _round(view: GameView, round_: pb.Round) -> Text:
    story = view.stories.get(round_.story_id)
    about = said(story.title if story is not None else "a vote without a story")
    if round_.status == pb.ROUND_STATUS_OPEN:
        voters = [p for p in view.players.values() if p.role != pb.PLAYER_ROLE_OBSERVER]
        laid = [p.display_name for p in voters if p.player_id in view.voted]
        voted = f"{len(laid)} of {len(voters)} have laid a card"
        names = said(f" ({', '.join(laid)})" if laid else "")
        return Text.assemble(("Open round: ", "bold yellow"), about, f"; {voted}", names, ".")
    if round_.status == pb.ROUND_STATUS_REVEALED:
        turned = statistics_line(round_.statistics)
        return Text.assemble(("Last cards: ", "bold"), about, "; ", said(turned), ".")
    return Text.assemble(("Last round: ", "bold"), about, "; closed without a result.")
