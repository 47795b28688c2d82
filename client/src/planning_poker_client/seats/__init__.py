"""Seats: how they are taken, proven and kept across restarts of a process."""
