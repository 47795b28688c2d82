"""The stable dotted name of each payload, derived from the contract's own field names."""

from collections.abc import Iterator

import planningpoker.v1 as pb


def of_client(envelope: pb.ClientEnvelope) -> str:
    """Name of the payload: "attach", "command.submit_vote"; empty where there is none."""
    payload = envelope.WhichOneof("payload")
    if payload == "command":
        body = envelope.command.WhichOneof("body")
        return f"command.{body}" if body else "command"
    return payload or ""


def all_names() -> Iterator[str]:
    """Every name there is, both directions."""
    for field in pb.ClientEnvelope.DESCRIPTOR.oneofs_by_name["payload"].fields:
        if field.name == "command":
            for body in pb.Command.DESCRIPTOR.oneofs_by_name["body"].fields:
                yield f"command.{body.name}"
        else:
            yield field.name
    for field in pb.ServerEnvelope.DESCRIPTOR.oneofs_by_name["payload"].fields:
        yield field.name
