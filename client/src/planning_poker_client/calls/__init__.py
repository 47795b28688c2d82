"""Calls without a stream: commands, reads, lists and purges, tried as long as it helps."""
