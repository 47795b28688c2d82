"""Stories from files: read, checked, and added to a game as one act that can be repeated."""
