"""The processes of a measurement: each pinned to a core, each asked line by line."""
