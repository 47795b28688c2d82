"""Whole games for tests, played by the server's own rules with chance from a seed.

The same seed gives the same events, byte for byte.
"""

from collections.abc import Sequence
from random import Random

import planningpoker.v1 as pb
from planning_poker_model.decks import BUILT_IN
from tests.server.domain.table import Table, accepted

SECOND = 1_000
PEOPLE = ("Ada", "Grace", "Linus", "Edsger", "Barbara", "Ken", "Radia", "داود", "Zoë 🦊")
TITLES = (
    "Sign in with a passkey",
    "Export invoices as PDF",
    "Search by customer number",
    "Rate limits for the public API",
    "Remember the last used filter",
    "Show who else is looking at an order",
    "Move attachments to object storage",
    "A banner for planned maintenance",
    "Let people undo a deletion for ten minutes",
    "Dark mode for the back office",
    "Returns without a printed label",
    "Warn before a session ends",
    "Merge two customer accounts",
    "Nightly backup of the search index",
    "Delivery windows in the checkout",
    "Rename a saved view",
    "Tax rates by country and date",
    "Webhooks for order changes",
    "Keyboard shortcuts in the order list",
    "Vouchers that end on a day",
    "Audit log for price changes",
    "Copy an order with new dates",
    "Import stock from a spreadsheet",
    "Mask card numbers in support chats",
    "Replace the date picker",
    "Bulk edit of product tags",
    "Pictures in several sizes",
    "Split a delivery in two",
    "Explain why a payment failed",
    "Postal codes with letters",
    "Let a shop close for holidays",
    "Retry failed emails",
    "Accessibility of the basket",
    "Currency in the reader's own format",
    "Sort results by margin",
    "A page for system status",
    "Sign out everywhere",
    "Shorter links in text messages",
    "Save a basket for later",
    "Fewer queries on the start page",
)
ODD_TITLES = {
    4: "تصدير التقارير الشهرية إلى ملف",
    9: "<b>Escape</b> user input & </script><script>alert('x')</script>",
    14: "Migrate " + "the-configuration-service-with-an-unbreakable-name-" * 3 + "now",
    21: "🚀 Faster first paint on slow phones 📱",
    33: '=HYPERLINK("https://example.com") stays text in a spreadsheet',
}
COMMENTS = (
    "The captcha is a library call.",
    "We have never touched that service.",
    "Migration needs a window at night.",
    "Same as the last export, minus the templates.",
    "Depends on what legal says.",
    "I would want a spike first.",
    "Tests for the old browsers are the work here.",
)


def refinement(stories: int = 40, seed: int = 7) -> list[pb.GameEvent]:
    """A team's refinement: revotes, changed estimates, forced reveals, people who come and go."""
    random = Random(seed)  # noqa: S311 - chance of a game, not a secret
    game = Table()
    settings = pb.GameSettings(deck=BUILT_IN["fibonacci"])
    accepted(game.create(settings))
    named = pb.UpdateGame(display_name="Refinement, sprint 24")
    accepted(game.do(pb.Command(player_id="p1", update_game=named)))
    for name in PEOPLE[1:-1]:
        game.now_ms += random.randint(1, 20) * SECOND
        accepted(game.join(name))
    accepted(game.join("Margaret", role=pb.PLAYER_ROLE_OBSERVER))
    accepted(game.do(pb.Command(player_id="p1", add_stories=_backlog(stories))))
    for number in range(1, stories + 1):
        _estimate(game, random, number)
        if number == stories // 4:
            accepted(game.join(PEOPLE[-1]))
        if number == stories // 2:
            game.disconnect("p3")
        if number == stories * 3 // 4:
            accepted(game.do(pb.Command(player_id="p6", leave_game=pb.LeaveGame())))
    _vote_without_story(game, random)
    game.now_ms += 45 * SECOND
    accepted(game.do(pb.Command(player_id="p1", end_game=pb.EndGame())))
    return game.events


def town_hall(people: int = 1_000, seed: int = 7) -> list[pb.GameEvent]:
    """A thousand people vote on three questions, many of them with a comment."""
    random = Random(seed)  # noqa: S311 - chance of a game, not a secret
    game = Table()
    accepted(game.create(pb.GameSettings(deck=BUILT_IN["fibonacci"])))
    for number in range(2, people + 1):
        accepted(game.join(f"Guest {number}"))
    add = pb.AddStories(stories=[pb.NewStory(title=title) for title in TITLES[:3]])
    accepted(game.do(pb.Command(player_id="p1", add_stories=add)))
    for story_id in ("s1", "s2", "s3"):
        accepted(game.start(story_id))
        for number in range(1, people + 1):
            comment = random.choice(COMMENTS) if random.random() < 0.1 else ""
            accepted(
                game.vote(
                    f"p{number}", random.choice(["2", "3", "5", "5", "8", "8", "13", "?"]), comment
                )
            )
        game.now_ms += 90 * SECOND
        accepted(game.reveal())
        accepted(game.accept(story_id, "8", game.round_id))
    return game.events


def played(
    rounds: Sequence[str], *, deck: pb.Deck = BUILT_IN["fibonacci"], people: int = 0
) -> list[pb.GameEvent]:
    """A game of one story with a round for each string of cards, one card a player."""
    game = Table()
    accepted(game.create(pb.GameSettings(deck=deck)))
    most = people or max((len(cards.split()) for cards in rounds), default=1)
    for number in range(2, most + 1):
        accepted(game.join(f"Player {number}"))
    accepted(game.add_story())
    for cards in rounds:
        accepted(game.start("s1"))
        for number, card in enumerate(cards.split(), 1):
            game.now_ms += 5 * SECOND
            accepted(game.vote(f"p{number}", card))
        accepted(game.reveal(force=True))
        game.now_ms += 20 * SECOND
    return game.events


def _backlog(count: int) -> pb.AddStories:
    stories = []
    for number in range(1, count + 1):
        title = ODD_TITLES.get(number, TITLES[(number - 1) % len(TITLES)])
        key = f"SHOP-{400 + number}" if number % 5 else ""
        url = f"https://tracker.example.com/browse/{key}" if key else ""
        stories.append(pb.NewStory(title=title, key=key, url=url))
    return pb.AddStories(stories=stories)


def _estimate(game: Table, random: Random, number: int) -> None:
    """What the table makes of one story."""
    story_id = f"s{number}"
    if number in (12, 27):
        skip = pb.UpdateStory(story_id=story_id, skipped=True)
        accepted(game.do(pb.Command(player_id="p1", update_story=skip)))
        return
    if number in (6, 30):
        _abandon(game, random, story_id)
    right = random.choice((1, 2, 3, 3, 5, 5, 8, 13))
    spread = random.choice((0, 1, 1, 2))
    for attempt in range(4):
        _vote(game, random, story_id, right, spread - attempt)
        figures = game.view.round.statistics if game.view.round else pb.Statistics()
        game.now_ms += random.randint(15, 140) * SECOND
        if figures.consensus_card or figures.agreement > 0.6 or attempt == 3:
            break
    if number == 38:
        return  # nobody could agree, and it stays open
    accepted(game.accept(story_id, figures.suggested_card or "5", game.round_id))
    if number == 11:
        accepted(game.accept(story_id, "after the spike"))
    game.now_ms += random.randint(3, 20) * SECOND


def _vote(game: Table, random: Random, story_id: str, right: int, spread: int) -> None:
    accepted(game.start(story_id))
    scale = [card.label for card in BUILT_IN["fibonacci"].cards if not card.special]
    middle = scale.index(str(right))
    for player_id, player in list(game.view.players.items()):
        if player.role != pb.PLAYER_ROLE_VOTER or player_id not in game.connected:
            continue
        game.now_ms += random.randint(1, 9) * SECOND
        drift = random.choice((-1, 0, 0, 1)) * random.randint(0, max(spread, 0))
        high = 1 if player_id == "p5" and spread > 0 and random.random() < 0.5 else 0
        card = scale[max(0, min(len(scale) - 1, middle + drift + high))]
        if random.random() < 0.03:
            card = random.choice("?☕")
        if random.random() < 0.06:
            continue
        comment = random.choice(COMMENTS) if abs(drift) + high > 1 else ""
        accepted(game.vote(player_id, card, comment))
    accepted(game.reveal(force=True))


def _abandon(game: Table, random: Random, story_id: str) -> None:
    accepted(game.start(story_id))
    for player_id in ("p1", "p2"):
        game.now_ms += random.randint(5, 30) * SECOND
        accepted(game.vote(player_id, "3"))
    abandon = pb.AbandonRound(round_id=game.round_id)
    accepted(game.do(pb.Command(player_id="p1", abandon_round=abandon)))


def _vote_without_story(game: Table, random: Random) -> None:
    accepted(game.start())
    for player_id in ("p1", "p2", "p4"):
        game.now_ms += random.randint(2, 10) * SECOND
        accepted(game.vote(player_id, random.choice(["3", "5", "8"]), "How sure are we?"))
    accepted(game.reveal(force=True))
