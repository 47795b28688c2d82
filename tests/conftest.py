import logging


def _not_of_a_closed_loop(record: logging.LogRecord) -> bool:
    """Whether this is not grpc.aio handing an event to the event loop of an earlier test.

    Its queue of events is one for the process and outlives each test's loop.
    """
    return not record.getMessage().startswith("Exception in callback PollerCompletionQueue")


logging.getLogger("asyncio").addFilter(_not_of_a_closed_loop)
