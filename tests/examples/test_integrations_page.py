"""What docs/integrations.md shows, run."""

from typing import Any

from planning_poker_client import PokerClient
from planning_poker_simulator import PokerServer
from tests.workspace import documents
from tests.workspace.tree import ROOT

PAGE = (ROOT / "docs" / "integrations.md").read_text(encoding="utf-8")


async def test_a_hook_that_is_delivered_twice_votes_once(poker_server: PokerServer) -> None:
    (block,) = (block for block in documents.blocks(PAGE) if "async def on_vote" in block.text)
    bot: dict[str, Any] = {
        "ADDRESS": poker_server.address,
        "KEY": bytes(32),
        "PokerClient": PokerClient,
    }
    exec(block.text, bot)  # noqa: S102
    async with PokerClient(poker_server.address) as client:
        game = await client.create_game("Sprint 12", player="Ada")
        receipt = await game.start_round()
        hook = "hook-1", game.game_id, "U024BE7LH", "Bob", receipt.round_id, "8"
        await bot["on_vote"](*hook)
        head = game.view.version
        await bot["on_vote"](*hook)
        await bot["on_vote"](*hook)
        assert [player.display_name for player in game.view.players.values()] == ["Ada", "Bob"]
        assert game.view.version == head
        await game.reveal(force=True)
        assert [vote.card for vote in game.view.votes.values()] == ["8"]
