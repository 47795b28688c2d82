"""A game's settings and decks: what a command may ask for, and how it is stored."""

import math
import unicodedata
from typing import Final

import planningpoker.v1 as pb
from planning_poker_model import decks, limits
from planning_poker_model.text import trim
from planning_poker_server.domain.checks import (
    bad_value,
    duration_problem,
    enum_problem,
    line_problem,
)
from planning_poker_server.domain.moments import duration, to_ms

_POLICIES: Final = ("reveal", "manage_rounds", "manage_stories", "manage_players")


def settings_problem(settings: pb.GameSettings) -> pb.Refusal | None:
    """Why a game cannot be played like this."""
    for policy in _POLICIES:
        if refusal := enum_problem(getattr(settings, policy), pb.Permission.values(), policy):
            return refusal
    return (
        enum_problem(settings.electorate, pb.Electorate.values(), "electorate")
        or duration_problem(
            settings.reveal_countdown, "reveal_countdown", limits.REVEAL_COUNTDOWN_MS
        )
        or duration_problem(settings.round_duration, "round_duration", limits.ROUND_DURATION_MS)
        or duration_problem(settings.claim_grace, "claim_grace", limits.CLAIM_GRACE_MS)
        or (deck_problem(settings.deck) if settings.HasField("deck") else None)
    )


def normalised(settings: pb.GameSettings) -> pb.GameSettings:
    """Settings, already checked, with every default written out and nothing else in them."""
    result = pb.GameSettings(
        deck=_deck(settings.deck) if settings.HasField("deck") else decks.BUILT_IN[decks.DEFAULT],
        reveal=settings.reveal or pb.PERMISSION_FACILITATORS,
        manage_rounds=settings.manage_rounds or pb.PERMISSION_FACILITATORS,
        manage_stories=settings.manage_stories or pb.PERMISSION_FACILITATORS,
        manage_players=settings.manage_players or pb.PERMISSION_FACILITATORS,
        electorate=settings.electorate or pb.ELECTORATE_CONNECTED,
        auto_reveal=settings.auto_reveal,
    )
    if countdown := to_ms(settings.reveal_countdown):
        result.reveal_countdown.CopyFrom(duration(countdown))
    if round_duration := to_ms(settings.round_duration):
        result.round_duration.CopyFrom(duration(round_duration))
    if grace := to_ms(settings.claim_grace):
        result.claim_grace.CopyFrom(duration(grace))
    return result


def deck_problem(deck: pb.Deck) -> pb.Refusal | None:
    """Why this deck cannot be played with."""
    known = ", ".join(decks.BUILT_IN)
    built_in = decks.BUILT_IN.get(trim(deck.name))
    if not deck.cards and built_in is None:
        return bad_value("deck", f"Name one of the built-in decks ({known}), or give the cards.")
    if not deck.cards:
        return None
    if built_in is not None and _custom(deck).cards != built_in.cards:
        return bad_value(
            "deck", f"{built_in.name} is a built-in deck; leave its cards out, or name yours."
        )
    return (
        line_problem(deck.name, "deck_name", limits.DECK_NAME)
        or enum_problem(deck.scale, pb.DeckScale.values(), "scale")
        or _cards_problem(deck)
    )


def _cards_problem(deck: pb.Deck) -> pb.Refusal | None:
    fewest, most = limits.DECK_CARDS
    if not fewest <= len(deck.cards) <= most:
        return bad_value("cards", f"A deck has {fewest} to {most} cards.")
    for card in deck.cards:
        if refusal := line_problem(card.label, "card", limits.CARD_LABEL):
            return refusal
        if not math.isfinite(card.value):
            return bad_value("cards", "A card's value must be a number; leave it out otherwise.")
    if len({unicodedata.normalize("NFC", trim(c.label)) for c in deck.cards}) < len(deck.cards):
        return bad_value("cards", "Each card of a deck needs a label of its own.")
    values = list(decks.numbers(deck).values())
    if deck.scale == pb.DECK_SCALE_NUMERIC and not values:
        return bad_value("cards", "A numeric deck needs a card with a value; or make it ordinal.")
    if deck.scale != pb.DECK_SCALE_ORDINAL and values != sorted(values):
        return bad_value("cards", "The cards stand in their order: give the lowest value first.")
    return None


def _deck(deck: pb.Deck) -> pb.Deck:
    return _custom(deck) if deck.cards else decks.BUILT_IN[trim(deck.name)]


def _custom(deck: pb.Deck) -> pb.Deck:
    cards = [_card(card) for card in deck.cards]
    return pb.Deck(name=trim(deck.name), scale=deck.scale or _scale(cards), cards=cards)


def _card(card: pb.Card) -> pb.Card:
    value = card.value if card.HasField("value") else None
    return pb.Card(label=trim(card.label), value=value, special=card.special)


def _scale(cards: list[pb.Card]) -> pb.DeckScale.ValueType:
    numeric = any(card.HasField("value") and not card.special for card in cards)
    return pb.DECK_SCALE_NUMERIC if numeric else pb.DECK_SCALE_ORDINAL
