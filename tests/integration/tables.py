"""A table with two players, and proof that a command changed nothing."""

from collections.abc import Mapping

import planningpoker.v1 as pb
from tests.integration.harness import Host
from tests.integration.raw import Seat, Stream


async def table(host: Host, **settings: object) -> tuple[Stream, Seat, Stream, Seat]:
    """Ada, who facilitates, and Bob, each on a stream, with round r1 open."""
    await host.start()
    ada_stream, bob_stream = await host.stream(), await host.stream()
    ada = await ada_stream.create("Ada", settings=pb.GameSettings(**settings))  # type: ignore[arg-type]
    bob = await bob_stream.join(ada.game_id, "Bob")
    stories = pb.AddStories(stories=[pb.NewStory(title="Login"), pb.NewStory(title="Logout")])
    await ada_stream.do(ada, add_stories=stories)
    await ada_stream.do(ada, start_round=pb.StartRound(story_id="s1"))
    await bob_stream.events("round_started")
    return ada_stream, ada, bob_stream, bob


async def unchanged_by(
    stream: Stream, seat: Seat, *bodies: Mapping[str, object]
) -> list[pb.Refusal]:
    """The refusals of these commands, none of which had any effect."""
    before = (await stream.ping()).head_versions[seat.game_id]
    refusals = [await stream.refused(seat, **body) for body in bodies]
    assert (await stream.ping()).head_versions[seat.game_id] == before
    return refusals
