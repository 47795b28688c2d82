"""How a scenario's game is played: from its file, and into the contract. Pure."""

from collections.abc import Callable
from typing import Any, Final

import yaml

import planningpoker.v1 as pb
from planning_poker_model.decks import BUILT_IN
from planning_poker_simulator.scenarios.model import GameSettings
from planning_poker_simulator.scenarios.nodes import Fields
from planning_poker_simulator.scenarios.values import Values

_WHO: Final = ("facilitators", "everyone")
_ELECTORATES: Final = ("connected", "invited")
_TIMES: Final = ("reveal_countdown", "round_duration", "claim_grace")
_PERMISSIONS: Final = ("reveal", "manage_rounds", "manage_stories", "manage_players")
_OWN_DECK: Final = "own"

SETTINGS: Final = {
    "deck": "the name of a built-in deck, or a list of cards",
    "auto_reveal": "whether cards are turned once everyone has voted",
    "reveal_countdown": "how long that waits",
    "round_duration": "the deadline of each round",
    "electorate": "whose votes a reveal waits for: `connected` or `invited`",
    "claim_grace": "after how long without facilitators another player may claim it",
    "reveal": "who may reveal: `facilitators` or `everyone`",
    "manage_rounds": "who may start rounds and accept estimates",
    "manage_stories": "who may change the backlog",
    "manage_players": "who may change and remove others",
    "passcode": "asked of whoever joins",
}
"""What there is to set, for the reference."""


def read_game_settings(node: yaml.Node, where: str, values: Values) -> GameSettings:
    """The settings in a file."""
    fields = Fields(node, where, values.problems)
    read: dict[str, Any] = {}

    def take(key: str, name: str, how: Callable[[yaml.Node, str], Any]) -> None:
        found = fields.take(key)
        if found is not None:
            read[name] = how(found, f"{where}.{key}")

    take("deck", "deck", lambda found, at: _deck(found, at, values))
    take("auto_reveal", "auto_reveal", values.flag)
    for key in _TIMES:
        take(key, f"{key}_ms", values.time)
    take("electorate", "electorate", lambda found, at: values.choice(found, at, _ELECTORATES))
    for key in _PERMISSIONS:
        take(key, key, lambda found, at: values.choice(found, at, _WHO))
    take("passcode", "passcode", lambda found, at: values.text(found, at, empty=True))
    fields.close()
    return GameSettings(**read)


def _deck(node: yaml.Node, where: str, values: Values) -> str | tuple[str, ...]:
    if isinstance(node, yaml.SequenceNode):
        return values.texts(node, where)
    return values.choice(node, where, tuple(BUILT_IN))


def to_message(given: GameSettings, before: pb.GameSettings | None = None) -> pb.GameSettings:
    """The contract's settings: what is given, over what was before."""
    settings = pb.GameSettings()
    if before is not None:
        settings.CopyFrom(before)
    if given.deck is not None:
        settings.deck.CopyFrom(_to_deck(given.deck))
    if given.auto_reveal is not None:
        settings.auto_reveal = given.auto_reveal
    for key in _TIMES:
        milliseconds = getattr(given, f"{key}_ms")
        if milliseconds is not None:
            getattr(settings, key).FromMilliseconds(milliseconds)
    if given.electorate is not None:
        settings.electorate = pb.Electorate.Value(f"ELECTORATE_{given.electorate.upper()}")
    for key in _PERMISSIONS:
        who = getattr(given, key)
        if who is not None:
            setattr(settings, key, pb.Permission.Value(f"PERMISSION_{who.upper()}"))
    return settings


def _to_deck(deck: str | tuple[str, ...]) -> pb.Deck:
    if isinstance(deck, str):
        return pb.Deck(name=deck)
    return pb.Deck(name=_OWN_DECK, cards=[_card(label) for label in deck])


def _card(label: str) -> pb.Card:
    try:
        return pb.Card(label=label, value=float(label))
    except ValueError:
        return pb.Card(label=label)
