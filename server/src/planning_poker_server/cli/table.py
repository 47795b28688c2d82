"""The table: who sits around it, and what lies on it."""

from collections.abc import Collection
from typing import Final

from rich.text import Text

import planningpoker.v1 as pb
from planning_poker_model.view import GameView
from planning_poker_server.cli.blocks import block, fit, said
from planning_poker_server.cli.seats import SEAT_WIDTH, Seat, seats_row

HEIGHT: Final = 14
"""Rows of the table at its smallest: seats 4, table 5, seats 4, watchers 1."""
_FELT: Final = "green"
_WORTH_A_WORD: Final = 2
"""Steps on the deck from which on the lowest and the highest card stand out."""


def table(
    view: GameView,
    width: int,
    height: int = HEIGHT,
    *,
    connected: Collection[str] | None = None,
    me: str = "",
    my_card: str = "",
) -> list[Text]:
    """The table in exactly `width` by `height` cells.

    `connected` holds the ids of players who are there, None where that is not
    known. `my_card` is shown in the seat of `me` while the cards lie face down.
    """
    seats = _seats(view, connected, me, my_card)
    in_row = max(1, width // SEAT_WIDTH)
    shown = seats[: 2 * in_row]
    above = shown[: (len(shown) + 1) // 2]
    below = shown[len(above) :]
    inner = max(3, height - HEIGHT + 3)
    rows = [
        *seats_row(above, width, names_first=True),
        *_felt(_on_the_table(view), width, inner),
        *seats_row(below, width, names_first=False),
        _beside_the_table(view, seats[len(shown) :], width),
    ]
    return block(rows, width, height)


def _seats(view: GameView, connected: Collection[str] | None, me: str, my_card: str) -> list[Seat]:
    votes = view.votes
    turned = view.phase == pb.GAME_PHASE_REVEALED
    return [
        Seat(
            name=player.display_name,
            asked=view.phase == pb.GAME_PHASE_VOTING,
            voted=view.phase != pb.GAME_PHASE_ENDED and view.has_voted(key),
            card=votes[key].card if key in votes else my_card if key == me else "",
            turned=turned,
            style=_card_style(view, key) if turned else "",
            facilitator=player.facilitator,
            away=connected is not None and key not in connected and not player.proxied,
            mine=key == me,
        )
        for key, player in view.players.items()
        if player.role != pb.PLAYER_ROLE_OBSERVER
    ]


def _card_style(view: GameView, player_id: str) -> str:
    """Green where all agree; yellow for the lowest and highest, unless they are neighbours."""
    round_ = view.round
    vote = view.votes.get(player_id)
    if round_ is None or vote is None:
        return ""
    if any(card.special and card.label == vote.card for card in round_.deck.cards):
        return "magenta"
    if round_.statistics.consensus_card:
        return "green"
    if round_.statistics.spread < _WORTH_A_WORD:
        return "white"
    return "yellow" if player_id in round_.statistics.outlier_player_ids else "white"


def _felt(lines: list[Text], width: int, inner: int) -> list[Text]:
    """Lines in the middle of an oval of `inner` rows."""
    across = min(width - 4, 96)
    above = (inner - len(lines)) // 2
    filled = [Text()] * above + lines + [Text()] * (inner - len(lines) - above)
    rows = [
        Text(f"╭{'─' * (across - 2)}╮", style=_FELT),
        *(
            Text.assemble(("│", _FELT), fit(line, across - 2, "center"), ("│", _FELT))
            for line in filled
        ),
        Text(f"╰{'─' * (across - 2)}╯", style=_FELT),
    ]
    return [fit(row, width, "center") for row in rows]


def _on_the_table(view: GameView) -> list[Text]:
    if view.phase == pb.GAME_PHASE_ENDED:
        estimated = [s for s in view.stories.values() if s.status == pb.STORY_STATUS_ESTIMATED]
        count = f"{len(estimated)} of {len(view.stories)} stories have an estimate"
        return [Text("The game is over", style="bold"), Text(count)]
    if view.round is None:
        code = Text.assemble("Join with the code ", said(view.join_code, "bold cyan"))
        return [Text("No cards on the table", style="bold"), Text("Waiting for a story"), code]
    return [_story_line(view), _round_line(view), _result_line(view)]


def _story_line(view: GameView) -> Text:
    story = view.current_story
    if story is None:
        return Text("A vote without a story", style="bold")
    key = said(f"{story.key}  " if story.key else "", "cyan")
    return Text.assemble(key, said(story.title, "bold"))


def _round_line(view: GameView) -> Text:
    round_ = view.round
    assert round_ is not None  # noqa: S101 - asked before
    start = f"round {round_.number} · " if round_.number > 1 else ""
    if view.phase == pb.GAME_PHASE_VOTING:
        voters = [p for p in view.players.values() if p.role != pb.PLAYER_ROLE_OBSERVER]
        counting = " · turning soon" if view.round_reveal_time is not None else ""
        return Text(f"{start}{len(view.voted)} of {len(voters)} have voted{counting}")
    return said(start + statistics_line(round_.statistics))


def statistics_line(statistics: pb.Statistics) -> str:
    """What a reveal says in numbers: "3 to 13 · median 5 · mean 5.4 · agreement 60 %"."""
    if statistics.consensus_card:
        return f"all say {statistics.consensus_card}"
    parts = []
    if statistics.spread:
        parts.append(f"{statistics.lowest_card} to {statistics.highest_card}")
    if statistics.HasField("median"):
        parts.append(f"median {_number(statistics.median)}")
    elif statistics.median_card:
        parts.append(f"median {statistics.median_card}")
    if statistics.HasField("mean"):
        parts.append(f"mean {_number(statistics.mean)}")
    parts.append(f"agreement {round(100 * statistics.agreement)} %")
    return " · ".join(parts)


def _number(value: float) -> str:
    return f"{value:.1f}".removesuffix(".0")


def _result_line(view: GameView) -> Text:
    story = view.current_story
    if view.phase == pb.GAME_PHASE_VOTING:
        return Text("the cards lie face down", style="dim")
    if story is not None and story.HasField("estimate") and _is_of_round(view, story):
        return Text.assemble("estimate ", said(story.estimate.value, "bold green reverse"))
    statistics = view.round.statistics if view.round is not None else pb.Statistics()
    if statistics.consensus_card or not statistics.suggested_card:
        return Text()
    return Text.assemble(("nearest card ", "dim"), said(statistics.suggested_card, "bold"))


def _is_of_round(view: GameView, story: pb.Story) -> bool:
    return view.round is not None and story.estimate.round_id in ("", view.round.round_id)


def _beside_the_table(view: GameView, crowd: list[Seat], width: int) -> Text:
    """Who watches, and who found no place on the screen."""
    parts = []
    watching = [p for p in view.players.values() if p.role == pb.PLAYER_ROLE_OBSERVER]
    if watching:
        names = ", ".join(player.display_name for player in watching)
        parts.append(Text.assemble(("watching: ", "dim"), said(names)))
    if crowd:
        voted = sum(seat.voted for seat in crowd)
        parts.append(Text(f"and {len(crowd)} more, {voted} of them have voted", style="dim"))
    return fit(Text("   ").join(parts), width, "center")
