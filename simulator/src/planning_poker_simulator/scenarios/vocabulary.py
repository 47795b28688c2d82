"""The words of scenarios: every action and outcome, what it takes and what it means. Pure."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import Enum
from typing import Final

import planningpoker.v1 as pb
from planning_poker_simulator.scenarios.model import ACCEPTED


class Shape(Enum):
    """What stands behind a word; the value is how the reference shows it."""

    NOTHING = ""
    PLAYERS = "players"
    PLAYER_TEXTS = "{player: text}"
    PLAYER_EVENTS = "{player: events}"
    TEXTS_BY_NAME = "{name: text}"
    COUNTS = "{name: number}"
    TEXT = "text"
    TEXT_OR_NOTHING = "text or nothing"
    TEXTS = "list of texts"
    TIME = "time"
    TIME_OR_NONE = "time or none"
    NUMBER = "number"
    YES_NO = "yes or no"
    EVENT = "event"
    SETTINGS = "settings"
    DIRECTION = "to_player, to_server or both"
    ACTIONS = "list of actions"
    OUTCOMES = "list of outcomes"


@dataclass(frozen=True, slots=True)
class Word:
    """A verb of actions or outcomes."""

    shape: Shape
    meaning: str
    """For the reference."""
    options: Mapping[str, Shape] = field(default_factory=dict)
    choices: tuple[str, ...] = ()
    """What the text may be; empty: anything."""
    asks: bool = False
    """Whether a player asks the server something, so that it can be refused."""
    steers: bool = False
    """Whether it needs a server of our own."""


_OF_ROUND: Final = {"story": Shape.TEXT, "number": Shape.NUMBER}
DIRECTIONS: Final = ("to_player", "to_server", "both")
ROLES: Final = ("voter", "observer")
PHASES: Final = ("lobby", "voting", "revealed", "ended")
FIGURES: Final = tuple(
    each.name
    for each in pb.Statistics.DESCRIPTOR.fields
    if each.name not in ("distribution", "modes", "outlier_player_ids")
)
EVENTS: Final = tuple(each.name for each in pb.GameEvent.DESCRIPTOR.oneofs_by_name["event"].fields)
REASONS: Final = tuple(
    name.removeprefix("REASON_")
    for name in pb.Reason.DESCRIPTOR.values_by_name
    if name != "REASON_UNSPECIFIED"
)
ANSWERS: Final = (
    ACCEPTED,
    *REASONS,
    "NO_ROUND",
    "NOT_SENT",
    "REPLACED",
    "OUTCOME_UNKNOWN",
    "DETACHED",
    "CONNECTION_FAILED",
    "BAD_STORIES",
)
"""What can come of asking; behind the reasons, what the SDK says where no server answered."""

_P: Final = Shape.PLAYERS
_N: Final = Shape.NOTHING

ACTIONS: Final[Mapping[str, Word]] = {
    # People
    "join": Word(
        _P,
        "They take seats. Who joins first opens the game and is its facilitator.",
        {"passcode": Shape.TEXT},
        asks=True,
    ),
    "leave": Word(_P, "They give up their seats.", asks=True),
    "rename": Word(Shape.PLAYER_TEXTS, "They are called so from now on.", asks=True),
    "change_role": Word(
        Shape.PLAYER_TEXTS, "They become voters or observers.", choices=ROLES, asks=True
    ),
    "make_facilitator": Word(_P, "They become facilitators, too.", asks=True),
    "step_down": Word(_P, "They are facilitators no longer.", asks=True),
    "remove": Word(_P, "They are removed for good.", asks=True),
    "claim": Word(_P, "They claim facilitation, because all facilitators are away.", asks=True),
    # Rounds
    "start": Word(
        Shape.TEXT_OR_NOTHING,
        "A round is opened: of the story with this title, which is added where it is not in the "
        "backlog; or of none.",
        {"deadline": Shape.TIME, "abandon_open": Shape.YES_NO},
        asks=True,
    ),
    "again": Word(_N, "Another round of the same story is opened.", asks=True),
    "vote": Word(
        Shape.PLAYER_TEXTS,
        "They put these cards face down.",
        {"comment": Shape.TEXT},
        asks=True,
    ),
    "retract": Word(_P, "They take their cards back.", asks=True),
    "reveal": Word(_N, "The cards are turned.", {"force": Shape.YES_NO}, asks=True),
    "cancel_countdown": Word(_N, "The countdown to the automatic reveal is stopped.", asks=True),
    "set_deadline": Word(
        Shape.TIME_OR_NONE, "The round ends in so much time, or at no time.", asks=True
    ),
    "abandon": Word(_N, "The round is closed without a result.", asks=True),
    "accept": Word(
        Shape.TEXT,
        "This is the story's estimate: that of the round, or another one.",
        {"story": Shape.TEXT},
        asks=True,
    ),
    # The backlog
    "add_stories": Word(
        Shape.TEXTS,
        "Stories with these titles enter the backlog.",
        {"before": Shape.TEXT, "description": Shape.TEXT, "each": Shape.NUMBER},
        asks=True,
    ),
    "import_backlog": Word(
        Shape.TEXT, "Stories are imported from a file with this text, as CSV.", asks=True
    ),
    "edit_story": Word(
        Shape.TEXT,
        "The story with this title is changed.",
        {"title": Shape.TEXT, "description": Shape.TEXT},
        asks=True,
    ),
    "skip_story": Word(
        Shape.TEXT,
        "The story is skipped, or with `undo` is not.",
        {"undo": Shape.YES_NO},
        asks=True,
    ),
    "move_story": Word(
        Shape.TEXT,
        "The story goes before another one, or to the end.",
        {"before": Shape.TEXT},
        asks=True,
    ),
    "remove_story": Word(Shape.TEXT, "The story leaves the backlog.", asks=True),
    # The game
    "change_game": Word(Shape.SETTINGS, "These settings are changed; the others stay.", asks=True),
    "end": Word(_N, "The game is over.", asks=True),
    # Their programs
    "disconnect": Word(_P, "They close their program; the seats stay theirs."),
    "reconnect": Word(_P, "They open it again and come back to their seats.", asks=True),
    "open_tab": Word(_P, "They open one more window, with the same seat."),
    "close_tab": Word(_P, "They close the last window that they opened."),
    "freeze": Word(_P, "Their machines stand still: nothing is read and nothing is said."),
    "thaw": Word(_P, "Their machines go on where they stood."),
    # Their network
    "cut": Word(_P, "Their connections break, once; their programs come back by themselves."),
    "go_offline": Word(_P, "They have no network."),
    "go_online": Word(_P, "They have a network again."),
    "hold": Word(
        _P,
        "Nothing gets through and neither side is told: to the players, to the server, or both.",
        {"direction": Shape.DIRECTION},
    ),
    "slow": Word(
        _P,
        "All that they send and get is late, by up to `jitter` more, or trickles.",
        {"delay": Shape.TIME, "jitter": Shape.TIME, "bytes_per_second": Shape.NUMBER},
    ),
    "restore": Word(_P, "Their lines are good again; what was held arrives."),
    # The server
    "kill_server": Word(_N, "The server ends as by kill -9.", steers=True),
    "stop_server": Word(_N, "The server stops as an operator stops it.", steers=True),
    "start_server": Word(_N, "The server runs again, on the same log.", steers=True),
    "restart_server": Word(_N, "It is killed and runs again.", steers=True),
    "upgrade_server": Word(_N, "It drains, stops, and runs again.", steers=True),
    # Time and order
    "advance": Word(
        Shape.TIME, "So much time passes on the server's clock, in one jump.", steers=True
    ),
    "finish": Word(_N, "Wait for the answers to all that was begun in the background."),
    "check": Word(Shape.OUTCOMES, "This must be so by now, or within the time limit."),
    "parallel": Word(Shape.ACTIONS, "These begin at the same time, in the order of their `after`."),
}
"""`repeat` and `for_each` are written out when a file is read, so they are not among these."""

MODIFIERS: Final[Mapping[str, tuple[Shape, str]]] = {
    "after": (
        Shape.TIME,
        "So much time passes first: the embedded server's clock is put forward, on another server "
        "it is waited for.",
    ),
    "by": (Shape.TEXT, "Which player does it; otherwise who opened the game does."),
    "expect": (
        Shape.TEXTS,
        "What the answer must be: a reason such as ROUND_CLOSED, or one of several; otherwise "
        "`accepted`.",
    ),
    "background": (Shape.YES_NO, "Do not wait for the answer now; `finish`, or the end, does."),
    "tab": (Shape.NUMBER, "In which window of the player; otherwise in the first."),
}
"""What any action takes beside its own words."""

OUTCOMES: Final[Mapping[str, Word]] = {
    # The round
    "phase": Word(Shape.TEXT, "The game stands there.", choices=PHASES),
    "votes": Word(
        Shape.PLAYER_TEXTS,
        "Exactly these cards were turned: in the last round, in that of a story, or in its "
        "round with this number.",
        _OF_ROUND,
    ),
    "consensus": Word(Shape.TEXT, "The card that all chose, or `none`.", _OF_ROUND),
    "statistics": Word(
        Shape.TEXTS_BY_NAME, "What the votes say, by figure.", _OF_ROUND, choices=FIGURES
    ),
    "voted": Word(_P, "Exactly these have a card on the table, or had one at the reveal."),
    "missing": Word(_P, "Exactly these voters had none at the reveal.", _OF_ROUND),
    "countdown": Word(
        Shape.TEXT, "Whether a countdown to the reveal runs.", choices=("running", "none")
    ),
    "deadline": Word(Shape.TEXT, "Whether the round has a deadline.", choices=("set", "none")),
    # The backlog
    "stories": Word(Shape.TEXTS, "The backlog has exactly these titles, in this order."),
    "backlog_size": Word(Shape.NUMBER, "So many stories are in the backlog."),
    "estimates": Word(Shape.TEXTS_BY_NAME, "The estimate of each of these stories, or `none`."),
    "story_status": Word(Shape.TEXTS_BY_NAME, "`pending`, `estimated` or `skipped`, by title."),
    "rounds": Word(Shape.COUNTS, "How many rounds each of these stories had."),
    # People
    "players": Word(_P, "Exactly these sit at the table."),
    "player_count": Word(Shape.NUMBER, "So many sit at the table."),
    "roles": Word(Shape.PLAYER_TEXTS, "What these players are.", choices=ROLES),
    "facilitators": Word(_P, "Exactly these are facilitators."),
    "present": Word(_P, "Exactly these are shown as connected."),
    "absent": Word(_P, "These are shown as not connected."),
    # What happened
    "events": Word(
        Shape.COUNTS, "How many events of each of these kinds there are.", choices=EVENTS
    ),
    "answers": Word(Shape.COUNTS, "How often each of these was answered so far.", choices=ANSWERS),
    # What each has seen
    "saw": Word(Shape.PLAYER_EVENTS, "Their programs were told of these events.", choices=EVENTS),
    "did_not_see": Word(
        Shape.PLAYER_EVENTS, "Their programs were told of none of these events.", choices=EVENTS
    ),
    "shows": Word(Shape.PLAYER_TEXTS, "The phase that their programs show.", choices=PHASES),
    "own_card": Word(Shape.PLAYER_TEXTS, "The card that they see as theirs, or `none`."),
    "resynced": Word(_P, "Their programs got a snapshot instead of events."),
    "not_resynced": Word(_P, "Their programs got every event, and no snapshot instead."),
    "let_go": Word(
        Shape.PLAYER_TEXTS,
        "Why their programs follow the game no longer, such as REMOVED; or `no`.",
    ),
    "delivery": Word(
        Shape.EVENT,
        "The server's report on the last event of this kind, as told to who opened the game.",
        {
            "acknowledged": Shape.PLAYERS,
            "pending": Shape.PLAYERS,
            "absent": Shape.PLAYERS,
            "final": Shape.YES_NO,
        },
        choices=EVENTS,
    ),
    "same_everywhere": Word(
        _N,
        "All programs with a working connection show what the server shows and what its history "
        "gives.",
    ),
}
