"""How a game goes on after a gap: asked for again, less and less often, and not for ever. Pure."""

from collections import Counter
from typing import Final
from uuid import UUID, uuid5

import planningpoker.v1 as pb
from planning_poker_client.inflight import InFlight, Request

_IDS: Final = UUID("6f0c5a52-6f0e-5a5b-9b57-0f1b8f0f6b1d")
_TRIES: Final = 20  # in a row and in vain: about a minute
_PAUSE: Final = 0.1
_LONGEST_PAUSE: Final = 4.0


class Resumes:
    """The connection's own Attaches, for whose answers nobody waits."""

    def __init__(self, requests: InFlight, instance_id: str, answer_within: float) -> None:
        self._requests = requests
        self._instance_id = instance_id
        self._answer_within = answer_within
        self._tries: Counter[str] = Counter()
        self._serial = 0

    def stream_lost(self) -> None:
        """What was asked on the old stream is void."""
        self._tries.clear()
        for request in self._requests:
            if request.resumes:
                self._requests.pop(request.correlation_id)

    def drop(self, game_id: str) -> None:
        """Ask for this game no more."""
        self.went_on(game_id)
        for request in self._requests:
            if request.resumes and request.game == game_id:
                self._requests.pop(request.correlation_id)

    def went_on(self, game_id: str) -> None:
        """What was asked for has come."""
        self._tries.pop(game_id, None)

    def is_asked(self, game_id: str) -> bool:
        """Whether an answer is awaited."""
        return any(request.resumes and request.game == game_id for request in self._requests)

    def again(self, game_id: str, now: float, retry_after: float) -> bool:
        """Ask for what is missing: at once, then after pauses; False: it was in vain too often."""
        tries = self._tries[game_id]
        self._tries[game_id] += 1
        if tries >= _TRIES:
            return False
        pause = min(_LONGEST_PAUSE, _PAUSE * 2.0**tries) if tries else 0.0
        self.ask(game_id, now, max(pause, retry_after))
        return True

    def ask(self, game_id: str, now: float, pause: float = 0.0) -> None:
        """Attach this game anew, from what is known of it when that is sent."""
        self._serial += 1
        correlation_id = str(uuid5(_IDS, f"{self._instance_id}/{self._serial}"))
        attach = pb.Attach(game_id=game_id)
        not_before = now + pause
        deadline = not_before + self._answer_within
        self._requests.add(
            Request(correlation_id, attach, deadline, resumes=True, not_before=not_before)
        )
