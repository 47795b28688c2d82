"""Walks the contract's own descriptors, for tests that speak about all of it."""

from collections.abc import Iterator

from google.protobuf.descriptor import Descriptor, EnumDescriptor, FieldDescriptor, FileDescriptor

import planningpoker.storage.v1.sealed_pb2 as sealed
import planningpoker.v1.service_pb2 as service

_TYPES = {
    number: name.removeprefix("TYPE_").lower()
    for name, number in vars(FieldDescriptor).items()
    if name.startswith("TYPE_")
}


def files(*roots: FileDescriptor) -> list[FileDescriptor]:
    """The files of our packages that `roots` need, themselves included."""
    found: dict[str, FileDescriptor] = {}
    waiting = list(roots)
    while waiting:
        file = waiting.pop()
        if file.package.startswith("planningpoker.") and file.name not in found:
            found[file.name] = file
            waiting += file.dependencies
    return [found[name] for name in sorted(found)]


def public_files() -> list[FileDescriptor]:
    return files(service.DESCRIPTOR)


def all_files() -> list[FileDescriptor]:
    return files(service.DESCRIPTOR, sealed.DESCRIPTOR)


def messages(file: FileDescriptor) -> Iterator[Descriptor]:
    """All messages of a file, the nested ones (map entries) too."""
    waiting = list(file.message_types_by_name.values())
    while waiting:
        message = waiting.pop()
        yield message
        waiting += message.nested_types


def enums(file: FileDescriptor) -> Iterator[EnumDescriptor]:
    yield from file.enum_types_by_name.values()
    for message in messages(file):
        yield from message.enum_types


def reachable(message: Descriptor) -> set[Descriptor]:
    """`message` and every message that can be inside it."""
    found: set[Descriptor] = set()
    waiting = [message]
    while waiting:
        current = waiting.pop()
        if current in found:
            continue
        found.add(current)
        waiting += [f.message_type for f in current.fields if f.message_type is not None]
    return found


def type_of(field: FieldDescriptor) -> str:
    """As protos write it, with labels: "repeated planningpoker.v1.Vote"."""
    named = field.message_type or field.enum_type
    name = named.full_name if named is not None else _TYPES[field.type]
    if field.is_repeated:
        return f"repeated {name}"
    optional = field.has_presence and field.message_type is None and not field.containing_oneof
    synthetic = field.containing_oneof is not None and field.containing_oneof.name.startswith("_")
    return f"optional {name}" if optional or synthetic else name


def outline() -> list[str]:
    """One line for each thing that peers and stored games rely on."""
    lines: list[str] = []
    for file in all_files():
        for message in messages(file):
            lines += [
                f"{message.full_name} {field.number} {field.name} {type_of(field)}"
                for field in message.fields
            ]
        for enum in enums(file):
            lines += [f"{enum.full_name} {value.number} {value.name}" for value in enum.values]
        for each in file.services_by_name.values():
            lines += [
                f"{method.full_name}({method.input_type.full_name})"
                f" returns {method.output_type.full_name}"
                for method in each.methods
            ]
    return sorted(lines)
