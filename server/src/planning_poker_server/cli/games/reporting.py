"""`planning-poker games report`: a game as one page for the team."""

from argparse import Namespace

from planning_poker_server.cli.games.exporting import check_source
from planning_poker_server.cli.games.sheets import chronicle_of
from planning_poker_server.cli.games.sources import database_source, server_source
from planning_poker_server.cli.games.target import target
from planning_poker_server.cli.running import Failure, complain, interruptible, run

_MISSING = (
    "Reports need the extra `report` of planning-poker-server: install matplotlib and jinja2 "
    "beside the server."
)


def report(arguments: Namespace) -> int:
    """Write the page. Raises ConfigurationError and Failure."""
    check_source(arguments)
    return run(interruptible(_report(arguments)))


async def _report(arguments: Namespace) -> int:
    try:
        from planning_poker_server.report.render import render
    except ModuleNotFoundError as error:
        raise Failure(_MISSING) from error
    source = database_source if arguments.database else server_source
    arguments.with_secrets = False
    async with source(arguments) as (_, pages):
        told = await chronicle_of(pages)
    page = render(told)
    output = None if str(arguments.output) == "-" else arguments.output
    with target(output) as file:
        file.write(page)
    if output is not None:
        complain(f"The report is in {output}.")
    return 0
