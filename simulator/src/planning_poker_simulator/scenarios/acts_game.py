"""What actions about rounds, the backlog and the game do."""

import asyncio
from collections.abc import Awaitable
from typing import Final

import planningpoker.v1 as pb
from planning_poker_client import Game, Receipt
from planning_poker_simulator.scenarios.acts_people import each_of
from planning_poker_simulator.scenarios.game_settings import to_message
from planning_poker_simulator.scenarios.model import Step
from planning_poker_simulator.scenarios.seats import NotThere, Seat
from planning_poker_simulator.scenarios.table import PATIENCE_S, Send, Table

_ALL_AT_ONCE: Final = 16
"""Commands of one stream that may wait for their answers, as the server has it by default."""


async def _ask(table: Table, step: Step, send: Send) -> Receipt | None:
    return await table.ask(step, table.actor(step), send)


# Rounds


async def start(table: Table, step: Step) -> None:
    """Open a round; a story that is not in the backlog is added first."""
    duration_ms = step.number_of("deadline")
    story_id = await _story_to_start(table, step) if step.text else ""

    def send(game: Game, id_: str) -> Awaitable[Receipt]:
        return game.start_round(
            story_id,
            abandon_open=bool(step.flag_of("abandon_open")),
            duration=duration_ms / 1_000 if duration_ms is not None else None,
            request_id=id_,
        )

    await _ask(table, step, send)


async def _story_to_start(table: Table, step: Step) -> str:
    actor = table.actor(step)
    await actor.catch_up(table.newest, PATIENCE_S)
    found = _story_id(actor.game(step.tab), step.text)
    if found:
        return found
    added = await table.ask(step, actor, _adding([pb.NewStory(title=step.text)]), expect=False)
    return added.story_ids[0] if added is not None else ""


async def again(table: Table, step: Step) -> None:
    await _ask(table, step, lambda game, id_: game.again(request_id=id_))


async def vote(table: Table, step: Step) -> None:
    cards = dict(step.pairs)
    places: dict[str, asyncio.Semaphore] = {}

    async def one(seat: Seat) -> None:
        def send(game: Game, id_: str) -> Awaitable[Receipt]:
            comment = step.text_of("comment") or table.mark(seat)
            return game.vote(cards[seat.name], comment=comment, request_id=id_)

        seat.game(step.tab)
        place = places.setdefault(seat.line.name, asyncio.Semaphore(_ALL_AT_ONCE))
        async with place:
            await table.ask(step, seat, send)

    await each_of(step, [table.seats[name] for name in cards], one)


async def retract(table: Table, step: Step) -> None:
    def send(game: Game, id_: str) -> Awaitable[Receipt]:
        return game.retract(request_id=id_)

    await each_of(step, table.chosen(step), lambda seat: table.ask(step, seat, send))


async def reveal(table: Table, step: Step) -> None:
    force = bool(step.flag_of("force"))
    await _ask(table, step, lambda game, id_: game.reveal(force=force, request_id=id_))


async def cancel_countdown(table: Table, step: Step) -> None:
    await _ask(table, step, lambda game, id_: game.cancel_reveal(request_id=id_))


async def set_deadline(table: Table, step: Step) -> None:
    seconds = step.number / 1_000 if step.number else None
    await _ask(table, step, lambda game, id_: game.set_deadline(seconds, request_id=id_))


async def abandon(table: Table, step: Step) -> None:
    await _ask(table, step, lambda game, id_: game.abandon_round(request_id=id_))


async def accept(table: Table, step: Step) -> None:
    title = step.text_of("story")

    def send(game: Game, id_: str) -> Awaitable[Receipt]:
        story_id = _known_story(game, title) if title else ""
        return game.accept(step.text, story_id=story_id, request_id=id_)

    await _ask(table, step, send)


# The backlog


def _story_id(game: Game, title: str) -> str:
    found = (key for key, story in game.view.stories.items() if story.title == title)
    return next(found, "")


def _known_story(game: Game, title: str) -> str:
    story_id = _story_id(game, title)
    if not story_id:
        raise NotThere(f"there is no story “{title}” in the backlog")
    return story_id


def _adding(stories: list[pb.NewStory], before: str = "") -> Send:
    async def send(game: Game, id_: str) -> Receipt:
        before_id = _known_story(game, before) if before else ""
        story_ids = await game.add_stories(stories, before_story_id=before_id, request_id=id_)
        return Receipt(id_, game.game_id, game.view.version, story_ids=tuple(story_ids))

    return send


async def add_stories(table: Table, step: Step) -> None:
    """`each` makes that many stories of each title, numbered; `$n` does so, too."""
    each, long = step.number_of("each"), step.text_of("description")
    titles = (
        [f"{title} {number}" for title in step.texts for number in range(1, each + 1)]
        if each
        else list(step.texts)
    )
    stories = [pb.NewStory(title=title, description=long) for title in titles]
    await _ask(table, step, _adding(stories, step.text_of("before")))


async def import_backlog(table: Table, step: Step) -> None:
    async def send(game: Game, id_: str) -> Receipt:
        await game.import_stories(step.text.encode())
        return Receipt(id_, game.game_id, game.view.version)

    await _ask(table, step, send)


async def edit_story(table: Table, step: Step) -> None:
    def send(game: Game, id_: str) -> Awaitable[Receipt]:
        return game.update_story(
            _known_story(game, step.text),
            title=step.text_of("title") or None,
            description=step.text_of("description") or None,
            request_id=id_,
        )

    await _ask(table, step, send)


async def skip_story(table: Table, step: Step) -> None:
    def send(game: Game, id_: str) -> Awaitable[Receipt]:
        skipped = not step.flag_of("undo")
        return game.update_story(_known_story(game, step.text), skipped=skipped, request_id=id_)

    await _ask(table, step, send)


async def move_story(table: Table, step: Step) -> None:
    before = step.text_of("before")

    def send(game: Game, id_: str) -> Awaitable[Receipt]:
        before_id = _known_story(game, before) if before else ""
        story_id = _known_story(game, step.text)
        return game.move_story(story_id, before_story_id=before_id, request_id=id_)

    await _ask(table, step, send)


async def remove_story(table: Table, step: Step) -> None:
    await _ask(
        table,
        step,
        lambda game, id_: game.remove_story(_known_story(game, step.text), request_id=id_),
    )


# The game


async def change_game(table: Table, step: Step) -> None:
    given = step.settings
    assert given is not None  # noqa: S101, the loader reads settings here

    def send(game: Game, id_: str) -> Awaitable[Receipt]:
        settings = to_message(given, game.view.settings)
        return game.update(settings=settings, passcode=given.passcode, request_id=id_)

    if await _ask(table, step, send) is not None and given.passcode is not None:
        table.passcode = given.passcode


async def end(table: Table, step: Step) -> None:
    await _ask(table, step, lambda game, id_: game.end(request_id=id_))
