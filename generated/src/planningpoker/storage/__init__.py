"""Messages that only the log holds."""
