"""A game played out in events, and the command line as a process."""

import asyncio
import contextlib
import logging
import os
import sys
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from pathlib import Path
from typing import Final

import pytest
from loguru import logger

import planningpoker.v1 as pb
from planning_poker_model.decks import BUILT_IN
from planning_poker_model.statistics import statistics
from planning_poker_model.view import GameView
from planning_poker_server.observability import _QUIET

COMMAND: Final = str(Path(sys.executable).parent / "planning-poker")
LIMIT: Final = 30
"""Seconds after which a test gives up waiting for what it waits for."""

DECK = BUILT_IN["fibonacci"]


class Table:
    """Applies events to a view, and keeps them."""

    def __init__(self) -> None:
        self.view = GameView()
        self.events: list[pb.GameEvent] = []
        game = pb.Game(
            game_id="ab" * 16,
            display_name="Shop, sprint 12",
            phase=pb.GAME_PHASE_LOBBY,
            version=1,
            join_code="K7QF-3M",
            settings=pb.GameSettings(deck=DECK),
        )
        self.add(pb.GameEvent(game_created=pb.GameCreated(game=game)))

    def add(self, event: pb.GameEvent) -> pb.GameEvent:
        event.version = self.view.version + 1
        self.view.apply(event)
        self.events.append(event)
        return event

    def sit(self, *names: str, observer: bool = False) -> None:
        role = pb.PLAYER_ROLE_OBSERVER if observer else pb.PLAYER_ROLE_VOTER
        for name in names:
            player = pb.Player(
                player_id=f"p{len(self.view.players) + 1}",
                display_name=name,
                role=role,
                facilitator=not self.view.players,
            )
            self.add(pb.GameEvent(player_joined=pb.PlayerJoined(player=player)))

    def stories(self, *titles: str, **fields: str) -> None:
        first = len(self.view.stories) + 1
        added = [
            pb.Story(
                story_id=f"s{number}",
                title=title,
                key=f"SHOP-{number}",
                status=pb.STORY_STATUS_PENDING,
                **fields,  # type: ignore[arg-type]
            )
            for number, title in enumerate(titles, first)
        ]
        self.add(pb.GameEvent(stories_added=pb.StoriesAdded(stories=added)))

    def start(self, story_id: str, number: int = 1) -> None:
        story = pb.Story()
        story.CopyFrom(self.view.stories[story_id])
        story.round_count = number
        opened = pb.Round(
            round_id=f"r{len(self.events)}",
            story_id=story_id,
            number=number,
            status=pb.ROUND_STATUS_OPEN,
            deck=DECK,
        )
        self.add(pb.GameEvent(round_started=pb.RoundStarted(round=opened, story=story)))

    def vote(self, *player_ids: str) -> None:
        for player_id in player_ids:
            vote = pb.VoteSubmitted(round_id=self._round().round_id, player_id=player_id)
            self.add(pb.GameEvent(vote_submitted=vote))

    def reveal(self, **cards: str) -> None:
        """Turn these cards, by player id."""
        turned = pb.Round()
        turned.CopyFrom(self._round())
        votes = [
            pb.Vote(player_id=key, display_name=self.view.players[key].display_name, card=card)
            for key, card in cards.items()
        ]
        turned.status = pb.ROUND_STATUS_REVEALED
        turned.votes.extend(votes)
        turned.voted_player_ids.extend(cards)
        turned.statistics.CopyFrom(statistics(DECK, votes))
        story = self.view.current_story
        self.add(pb.GameEvent(votes_revealed=pb.VotesRevealed(round=turned, story=story)))

    def accept(self, value: str) -> None:
        story = pb.Story()
        assert self.view.current_story is not None
        story.CopyFrom(self.view.current_story)
        story.status = pb.STORY_STATUS_ESTIMATED
        story.estimate.value = value
        story.estimate.round_id = self._round().round_id
        self.add(pb.GameEvent(estimate_accepted=pb.EstimateAccepted(story=story)))

    def _round(self) -> pb.Round:
        assert self.view.round is not None
        return self.view.round


@pytest.fixture
def table() -> Table:
    """Five voters, an observer and twelve stories."""
    made = Table()
    made.sit("Ada", "Bob", "Chiara", "Dmitri", "Emeka")
    made.sit("Grace", observer=True)
    made.stories(*(f"Story number {number}" for number in range(1, 13)))
    return made


class Program:
    """The command line in a process of its own, with pipes for its terminal."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.lines: list[str] = []

    async def until(self, text: str) -> str:
        """Read standard output up to a line that holds `text`; that line."""
        assert self.process.stdout is not None
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(LIMIT):
                while line := (await self.process.stdout.readline()).decode():
                    self.lines.append(line.rstrip("\n"))
                    if text in line:
                        return line.rstrip("\n")
        raise AssertionError(f"no line with {text!r} in {self.lines}")

    async def address(self) -> str:
        """Where a server says that it serves."""
        line = await self.until("Planning poker serves on ")
        return line.removeprefix("Planning poker serves on ").split()[0]

    async def type(self, line: str) -> None:
        assert self.process.stdin is not None
        self.process.stdin.write(f"{line}\n".encode())
        await self.process.stdin.drain()

    def stop_reading(self) -> None:
        """Close this end of its standard output."""
        transport = self.process._transport  # type: ignore[attr-defined]
        transport.get_pipe_transport(1).close()

    async def end(self) -> int:
        """Read the rest, and wait for the exit code."""
        assert self.process.stdout is not None
        async with asyncio.timeout(LIMIT):
            rest = (await self.process.stdout.read()).decode()
            self.lines += rest.splitlines()
            return await self.process.wait()

    async def errors(self) -> str:
        """What stands on standard error, to its end."""
        assert self.process.stderr is not None
        async with asyncio.timeout(LIMIT):
            return (await self.process.stderr.read()).decode()


@pytest.fixture(autouse=True)
def logging_as_before() -> Iterator[None]:
    """Commands that run in this process set up its logging for themselves."""
    loggers = [logging.getLogger(), *map(logging.getLogger, _QUIET)]
    before = [(each, each.level, each.handlers[:]) for each in loggers]
    yield
    logger.remove()
    logger.add(sys.stderr, level="WARNING")
    logging.captureWarnings(capture=False)
    for each, level, handlers in before:
        each.setLevel(level)
        each.handlers = handlers


Start = Callable[..., Awaitable[Program]]


@pytest.fixture
async def start(tmp_path: Path) -> AsyncIterator[Start]:
    """Starts `planning-poker` with arguments, in an empty folder; all are gone afterwards."""
    programs: list[Program] = []
    here = tmp_path / "here"
    here.mkdir()

    async def starter(*arguments: str, **variables: str) -> Program:
        kept = {k: v for k, v in os.environ.items() if k in ("PATH", "HOME", "LANG")}
        process = await asyncio.create_subprocess_exec(
            COMMAND,
            *arguments,
            cwd=here,
            env=kept | variables,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )
        programs.append(Program(process))
        return programs[-1]

    yield starter
    for program in programs:
        if program.process.returncode is None:
            program.process.kill()
        await program.process.communicate()
