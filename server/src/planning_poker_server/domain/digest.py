"""Tells apart two commands under one correlation id."""

import hashlib

import planningpoker.v1 as pb


def digest(command: pb.Command) -> bytes:
    """SHA-256 of who acts and what is asked for, without credentials.

    Equal for a command sent again, whatever version it expects by then. Of a
    secret or passcode only counts that there is one, so that nothing can be
    learned of it from what is stored.
    """
    asked = pb.Command()
    asked.CopyFrom(command)
    asked.ClearField("game_id")
    asked.ClearField("expected_version")
    _hide_credentials(asked)
    return hashlib.sha256(asked.SerializeToString(deterministic=True)).digest()


def _hide_credentials(command: pb.Command) -> None:
    match command.WhichOneof("body"):
        case "create_game":
            _hide_passcode(command.create_game)
            if command.create_game.HasField("creator"):
                _hide_join(command.create_game.creator)
        case "update_game":
            _hide_passcode(command.update_game)
        case "join_game":
            _hide_join(command.join_game)
        case "reset_seat":
            command.reset_seat.seat_secret = b"*"


def _hide_join(join: pb.JoinGame) -> None:
    # Whether the stream follows the game too is no part of what is asked of
    # the game: a retry may come without a stream, or on one that follows it.
    join.attach = False
    join.seat_secret = b"*"
    _hide_passcode(join)


def _hide_passcode(message: pb.CreateGame | pb.UpdateGame | pb.JoinGame) -> None:
    if message.passcode:
        message.passcode = "*"
