"""What a game's texts and sizes are bounded by; the contract's comments state the same."""

from dataclasses import dataclass
from typing import Final

PLAYER_NAME: Final = 40
GAME_NAME: Final = 100
EXTERNAL_ID: Final = 128
STORY_TITLE: Final = 200
STORY_DESCRIPTION: Final = 4_000
STORY_KEY: Final = 64
STORY_URL: Final = 2_000
VOTE_COMMENT: Final = 140
ESTIMATE_VALUE: Final = 40
CARD_LABEL: Final = 8
DECK_NAME: Final = 40
DECK_CARDS: Final = (2, 30)
LABELS: Final = 16
LABEL_KEY: Final = 63
LABEL_VALUE: Final = 128
PASSCODE_BYTES: Final = 128
SEAT_SECRET_BYTES: Final = 32
SEATS_PER_ATTACH: Final = 100

SECOND: Final = 1_000
MINUTE: Final = 60 * SECOND
DAY: Final = 24 * 60 * MINUTE
REVEAL_COUNTDOWN_MS: Final = (0, 60 * SECOND)
ROUND_DURATION_MS: Final = (SECOND, 30 * DAY)
CLAIM_GRACE_MS: Final = (SECOND, DAY)
GAME_TTL_MS: Final = (MINUTE, 365 * DAY)


@dataclass(frozen=True, slots=True)
class GameLimits:
    """Limits of one game that an operator may lower."""

    max_players: int = 1_000
    max_stories: int = 1_000
    max_story_bytes: int = 1 << 20
    max_events: int = 1_000_000
