"""What `--help` says of each command, below its options."""

from typing import Final

GAMES: Final = """\
examples:
  planning-poker games list --phase voting
  planning-poker games show K7QF-3M
  planning-poker games history K7QF-3M
  planning-poker games replay K7QF-3M
  planning-poker games report K7QF-3M --output report.html
  planning-poker games export K7QF-3M --output game.json
  planning-poker games import game.json
  planning-poker games purge --ended-days 90 --dry-run
  planning-poker games sweep
  planning-poker games verify

Who asks a server for all of its games brings the server's operator token, in a
file (--token-file) or in the variable PLANNING_POKER_TOKEN.

planning-poker games COMMAND --help tells more."""

LIST: Final = """\
example:
  planning-poker games list --phase ended --updated-before 90d

Times are dates (2026-11-27), dates with a time, or ages: 45m, 12h, 30d, 2w.
--json prints one game on each line."""

SHOW: Final = """\
example:
  planning-poker games show K7QF-3M --version 12"""

HISTORY: Final = """\
example:
  planning-poker games history K7QF-3M --json | jq .votesRevealed

--json prints one event on each line, as the contract has it."""

REPLAY: Final = """\
example:
  planning-poker games replay K7QF-3M --from 40 --speed 10

Keys: → or n next, ← or p back, a number and Enter to go there, g first, G last,
a to let it play, q to quit. Without a terminal, or with --no-input, it prints
a line for each version and the table at the end."""

REPORT: Final = """\
example:
  planning-poker games report K7QF-3M --output report.html

One page to be read in a browser, without a network: estimates, votes, agreement,
time. It needs the extra `report` of planning-poker-server."""

PURGE: Final = """\
examples:
  planning-poker games purge K7QF-3M
  planning-poker games purge --ended-days 90 --abandoned-days 365 --dry-run

The server removes the games with every trace in its database, for good. A game
in which something happens meanwhile stays. Exit code 1: one of them is left.
Where the database is larger than database.sweep_max_mb, traces may stay in its
free space until `planning-poker games sweep`."""

SWEEP: Final = """\
example:
  planning-poker games sweep --database sqlite:///data/planning-poker.db

Rewrites the database where games were purged from it and traces of them may be
left, however large it is. Stop its server first. It needs twice the size of the
database on the disk for as long as it takes."""

TAIL: Final = """\
examples:
  planning-poker tail --type votes_revealed --type estimate_accepted
  planning-poker tail --json --from-start | jq -c .event

Prints what happens in all games from now on, across restarts of the server.
--json prints one event on each line with the cursor behind it, from which
--cursor goes on."""

VERIFY: Final = """\
example:
  planning-poker games verify --database sqlite:///data/planning-poker.db

Reads every record of every game and folds it anew. Nothing is written, and a
server may run meanwhile. Exit code 0: all is well; 1: something is wrong with a
game, or the database cannot be read."""

EXPORT: Final = """\
example:
  planning-poker games export K7QF-3M --output game.json

Asks a running server, or with --database reads the file itself, also beside a
running server. What is written holds every event that everybody at the table
may know, and no card that was never turned.

With --with-secrets (and --database) it holds the sealed parts too: the hashes of
seat secrets and of the passcode, and every card that was ever put down, turned
or not. Such a file is as secret as the database itself; it is made readable for
you alone. The same game gives the same bytes each time."""

IMPORT: Final = """\
example:
  planning-poker games import game.json --database sqlite:///data/planning-poker.db

A game from a JSON file goes into a database, and stories from a CSV file, as
spreadsheets and Jira write them, into a game on a server:

  planning-poker games import backlog.csv --new "Sprint 12" --name Ada --seats seats.json
  planning-poker games import more.csv --game K7QF-3M --seats seats.json

The second needs a seat of a facilitator among those in --seats, where the first
keeps the one that it takes. The same file again adds nothing twice.

Of a game's database the server must be stopped. The file is checked to its end
before anything is written, and its game is then there as a whole or not at all;
the same command may be given again after a crash. Without secrets in the file,
nobody can prove a seat in the game that is imported."""
