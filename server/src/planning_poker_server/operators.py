"""Who may see and purge all games: whoever brings the operator's token."""

import hmac
from typing import Final

import planningpoker.v1 as pb
from planning_poker_server.admission import Refused
from planning_poker_server.calls import Context
from planning_poker_server.domain.refusals import refuse

_HEADER: Final = "authorization"
_SCHEME: Final = "bearer"


class Operators:
    """Tells operators from everyone else."""

    def __init__(self, token: str, *, open_feed: bool) -> None:
        self._token = token.encode()
        self._open_feed = open_feed

    def is_operator(self, context: Context) -> bool:
        """Whether the call brings the token."""
        return self._is_right(_token_of(context))

    def check(self, context: Context) -> None:
        """Raises Refused unless the call brings the token."""
        if not self.is_operator(context):
            raise Refused(_unknown())

    def sees_everything(self, context: Context) -> bool:
        """Whether the call may see all games, or only those that have no passcode.

        Raises Refused where it may see none.
        """
        token = _token_of(context)
        if self._is_right(token):
            return True
        # Who brings a token wants to be known by it: fewer games would be a riddle.
        if not self._open_feed or (token and self._token):
            raise Refused(_unknown())
        return False

    def _is_right(self, token: bytes) -> bool:
        return bool(self._token) and hmac.compare_digest(token, self._token)


def _token_of(context: Context) -> bytes:
    for key, value in context.invocation_metadata() or ():
        if key == _HEADER and isinstance(value, str):
            scheme, _, token = value.partition(" ")
            if scheme.lower() == _SCHEME:
                return token.strip().encode()
    return b""


def _unknown() -> pb.Refusal:
    message = "This is for operators: bring the server's operator_token as a bearer token."
    return refuse(pb.REASON_UNAUTHENTICATED, message)
