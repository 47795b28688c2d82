"""The feed of all games, or of one: watches that go on from a cursor across any loss."""
