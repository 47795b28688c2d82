"""What the service costs, beside what nothing could cost less than: `make bench`."""
