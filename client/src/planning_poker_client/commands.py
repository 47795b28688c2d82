"""Every command of the contract as a method with types."""

from abc import ABC, abstractmethod
from collections.abc import Iterable
from typing import Literal, Unpack

import planningpoker.v1 as pb
from planning_poker_client.changes import Receipt
from planning_poker_client.errors import NoRound
from planning_poker_client.exchange import CallOptions
from planning_poker_client.inbox import Inbox
from planning_poker_client.stories.columns import StoryFormat
from planning_poker_client.stories.file import StorySource
from planning_poker_client.stories.importing import ImportedStories
from planning_poker_client.stories.sending import import_file, opened
from planning_poker_client.values import Role, Seconds, to_duration, to_role


class GameCommands(ABC):
    """What a seat may ask of its game. The server decides, when the command arrives.

    Each method returns once the effect is durable, and raises PokerError:
    CommandRefused where the server said no, OutcomeUnknown where it did not
    answer. Commands about the round name the one that this client sees at the
    moment of the call, so that a late one never lands on another; or that of
    `round_id`, as it must be where this client does not follow the game.
    """

    game_id: str
    player_id: str
    seat_secret: bytes

    @abstractmethod
    async def _send(self, command: pb.Command, options: CallOptions) -> Receipt:
        """Send a command of this seat and wait for its receipt."""

    @abstractmethod
    def _followed(self) -> Inbox | None:
        """The game as this client follows it; None where it does not."""

    def _round_id(self, given: str) -> str:
        if given:
            return given
        followed = self._followed()
        if followed is None:
            raise NoRound("This client does not follow the game: give the round_id.")
        if not followed.last_round_id:
            raise NoRound("No round was started yet: start_round() or start_story() opens one.")
        return followed.last_round_id

    def _round(self) -> pb.Round | None:
        followed = self._followed()
        return followed.view.round if followed is not None else None

    # Rounds

    async def start_round(
        self,
        story_id: str = "",
        *,
        abandon_open: bool = False,
        duration: Seconds | None = None,
        **options: Unpack[CallOptions],
    ) -> Receipt:
        """Open a round of a story, or of none.

        `duration` until its deadline: None as the settings say, 0 for no deadline.
        """
        start = pb.StartRound(story_id=story_id, abandon_open=abandon_open)
        if duration is not None:
            start.duration.CopyFrom(to_duration(duration))
        return await self._send(pb.Command(start_round=start), options)

    async def again(self, **options: Unpack[CallOptions]) -> Receipt:
        """Open another round of the same story; the votes of the earlier ones stay in history."""
        round_ = self._round()
        if round_ is None:
            raise NoRound("There is no round to be played again.")
        start = pb.StartRound(story_id=round_.story_id)
        return await self._send(pb.Command(start_round=start), options)

    async def vote(
        self, card: str, *, comment: str = "", round_id: str = "", **options: Unpack[CallOptions]
    ) -> Receipt:
        """Put a card face down; any number of times until the reveal.

        A card is its label: TypeError for a number.
        """
        if not isinstance(card, str):
            message = f"a card is named by its label, as in vote({str(card)!r}), not {card!r}"
            raise TypeError(message)
        vote = pb.SubmitVote(round_id=self._round_id(round_id), card=card, comment=comment)
        return await self._send(pb.Command(submit_vote=vote), options)

    async def retract(self, *, round_id: str = "", **options: Unpack[CallOptions]) -> Receipt:
        """Take one's card back; changes nothing where there is none."""
        retract = pb.RetractVote(round_id=self._round_id(round_id))
        return await self._send(pb.Command(retract_vote=retract), options)

    async def reveal(
        self, *, force: bool = False, round_id: str = "", **options: Unpack[CallOptions]
    ) -> Receipt:
        """Turn the cards; with `force` although votes are missing."""
        reveal = pb.RevealVotes(round_id=self._round_id(round_id), force=force)
        return await self._send(pb.Command(reveal_votes=reveal), options)

    async def cancel_reveal(self, *, round_id: str = "", **options: Unpack[CallOptions]) -> Receipt:
        """Stop the countdown to an automatic reveal; it starts again after the next vote."""
        cancel = pb.CancelReveal(round_id=self._round_id(round_id))
        return await self._send(pb.Command(cancel_reveal=cancel), options)

    async def set_deadline(
        self, remaining: Seconds | None, *, round_id: str = "", **options: Unpack[CallOptions]
    ) -> Receipt:
        """Set or move the round's deadline, counted from now; None lifts it."""
        deadline = pb.SetDeadline(round_id=self._round_id(round_id))
        if remaining is not None:
            deadline.remaining.CopyFrom(to_duration(remaining))
        return await self._send(pb.Command(set_deadline=deadline), options)

    async def abandon_round(self, *, round_id: str = "", **options: Unpack[CallOptions]) -> Receipt:
        """Close the open round without a result."""
        abandon = pb.AbandonRound(round_id=self._round_id(round_id))
        return await self._send(pb.Command(abandon_round=abandon), options)

    async def accept(
        self,
        value: str,
        *,
        story_id: str = "",
        round_id: str = "",
        **options: Unpack[CallOptions],
    ) -> Receipt:
        """Make a card or a free text a story's estimate; by default that of the round's story."""
        accept = pb.AcceptEstimate(story_id=story_id, round_id=round_id, value=value)
        round_ = self._round()
        if round_ is not None and round_id in ("", round_.round_id):
            accept.story_id = story_id or round_.story_id
            if accept.story_id == round_.story_id:
                accept.round_id = round_.round_id
        if not accept.story_id:
            raise NoRound("There is no round of a story that could be meant: give a story_id.")
        return await self._send(pb.Command(accept_estimate=accept), options)

    # Stories

    async def add_story(
        self,
        title: str,
        *,
        description: str = "",
        key: str = "",
        url: str = "",
        **options: Unpack[CallOptions],
    ) -> str:
        """Add a story at the end of the backlog; its id is returned."""
        story = pb.NewStory(title=title, description=description, key=key, url=url)
        return (await self.add_stories([story], **options))[0]

    async def add_stories(
        self,
        stories: Iterable[pb.NewStory],
        *,
        before_story_id: str = "",
        **options: Unpack[CallOptions],
    ) -> list[str]:
        """Add stories before another or at the end; their ids are returned, in order."""
        add = pb.AddStories(stories=stories, before_story_id=before_story_id)
        receipt = await self._send(pb.Command(add_stories=add), options)
        return list(receipt.story_ids)

    async def import_stories(
        self,
        source: StorySource,
        *,
        kind: Literal["auto"] | StoryFormat = "auto",
        base_url: str = "",
        before_story_id: str = "",
        request_id: str | None = None,
        timeout: float | None = None,
    ) -> ImportedStories:
        """Add the stories of a file before another story or at the end, each once.

        `source`, `kind` and `base_url` are those of `read_stories`; what that gave
        can be given, too. The whole file is looked at before anything is sent;
        raises BadStories. Then it goes in chunks whose ids follow from the file's
        bytes: a call that broke off is completed by the same call of the same
        seat, and one that did not is repeated without any effect. With a
        `request_id` the ids follow from that, to import a file once more.
        `timeout` is in seconds, for each chunk.
        """
        return await import_file(
            self._send,
            await opened(source, kind, base_url),
            before_story_id=before_story_id,
            request_id=request_id,
            timeout=timeout,
        )

    async def start_story(
        self,
        title: str,
        *,
        description: str = "",
        key: str = "",
        url: str = "",
        **options: Unpack[CallOptions],
    ) -> Receipt:
        """Add a story and open its first round: two commands, whose last receipt is returned.

        Both follow from a `request_id`: the same call with the same one goes on
        where the first one stopped.
        """
        story_id = await self.add_story(title, description=description, key=key, url=url, **options)
        options.pop("expected_version", None)
        if request_id := options.get("request_id"):
            options["request_id"] = f"{request_id}/round"  # a UUID would stand for itself twice
        return await self.start_round(story_id, **options)

    async def update_story(
        self,
        story_id: str,
        *,
        title: str | None = None,
        description: str | None = None,
        key: str | None = None,
        url: str | None = None,
        skipped: bool | None = None,
        **options: Unpack[CallOptions],
    ) -> Receipt:
        """Edit a story, skip it or take that back; what is None stays as it is."""
        update = pb.UpdateStory(
            story_id=story_id,
            title=title,
            description=description,
            key=key,
            url=url,
            skipped=skipped,
        )
        return await self._send(pb.Command(update_story=update), options)

    async def move_story(
        self, story_id: str, *, before_story_id: str = "", **options: Unpack[CallOptions]
    ) -> Receipt:
        """Put a story before another, or at the end."""
        move = pb.MoveStory(story_id=story_id, before_story_id=before_story_id)
        return await self._send(pb.Command(move_story=move), options)

    async def remove_story(self, story_id: str, **options: Unpack[CallOptions]) -> Receipt:
        """Take a story out of the backlog, unless its round is open."""
        remove = pb.RemoveStory(story_id=story_id)
        return await self._send(pb.Command(remove_story=remove), options)

    # People

    async def update_player(
        self,
        player_id: str = "",
        *,
        display_name: str | None = None,
        role: Role | None = None,
        facilitator: bool | None = None,
        **options: Unpack[CallOptions],
    ) -> Receipt:
        """Change a player, by default oneself; what is None stays as it is."""
        update = pb.UpdatePlayer(
            player_id=player_id,
            display_name=display_name,
            role=None if role is None else to_role(role),
            facilitator=facilitator,
        )
        return await self._send(pb.Command(update_player=update), options)

    async def remove_player(self, player_id: str, **options: Unpack[CallOptions]) -> Receipt:
        """Remove a player for good."""
        remove = pb.RemovePlayer(player_id=player_id)
        return await self._send(pb.Command(remove_player=remove), options)

    async def reset_seat(
        self, player_id: str, seat_secret: bytes, **options: Unpack[CallOptions]
    ) -> Receipt:
        """Give a seat a new secret of 32 bytes, because the old one was lost."""
        reset = pb.ResetSeat(player_id=player_id, seat_secret=seat_secret)
        return await self._send(pb.Command(reset_seat=reset), options)

    async def claim_facilitation(self, **options: Unpack[CallOptions]) -> Receipt:
        """Become a facilitator, where all of them were away long enough."""
        claim = pb.ClaimFacilitation()
        return await self._send(pb.Command(claim_facilitation=claim), options)

    async def leave(self, **options: Unpack[CallOptions]) -> Receipt:
        """Give up the seat. Detaching, unlike this, keeps it."""
        return await self._send(pb.Command(leave_game=pb.LeaveGame()), options)

    # The game

    async def update(
        self,
        *,
        display_name: str | None = None,
        settings: pb.GameSettings | None = None,
        passcode: str | None = None,
        **options: Unpack[CallOptions],
    ) -> Receipt:
        """Change the game's name, settings (as a whole) or passcode ("" lifts it)."""
        update = pb.UpdateGame(display_name=display_name, settings=settings, passcode=passcode)
        return await self._send(pb.Command(update_game=update), options)

    async def end(self, **options: Unpack[CallOptions]) -> Receipt:
        """End the game; after it there are only reads."""
        return await self._send(pb.Command(end_game=pb.EndGame()), options)
