"""Protobuf messages from a table: only what is read is declared, wire-compatible with the original."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from google.protobuf import descriptor_pb2, descriptor_pool, message_factory

_Field = descriptor_pb2.FieldDescriptorProto
BYTES: Final = _Field.TYPE_BYTES
BOOL: Final = _Field.TYPE_BOOL
DOUBLE: Final = _Field.TYPE_DOUBLE
FIXED64: Final = _Field.TYPE_FIXED64
INT32: Final = _Field.TYPE_INT32
INT64: Final = _Field.TYPE_INT64
UINT32: Final = _Field.TYPE_UINT32
MANY: Final = _Field.LABEL_REPEATED
ONE: Final = _Field.LABEL_OPTIONAL

Schema = Mapping[str, Mapping[str, tuple[int, Any, Any]]]
"""Message -> field -> (number, type or the name of a message, label)."""


def messages(package: str, schema: Schema, choices: frozenset[str] = frozenset()) -> dict[str, Any]:
    """The classes of `schema`. Of the fields of a message among `choices` only one is ever set."""
    file = descriptor_pb2.FileDescriptorProto(
        name=f"{package.replace('.', '/')}.proto", package=package, syntax="proto3"
    )
    for name, fields in schema.items():
        message = file.message_type.add(name=name)
        for field, (number, kind, label) in fields.items():
            declared = message.field.add(name=field, number=number, label=label)
            if isinstance(kind, str):
                declared.type, declared.type_name = _Field.TYPE_MESSAGE, f".{package}.{kind}"
            else:
                declared.type = kind
        if name in choices:
            message.oneof_decl.add(name="value")
            for declared in message.field:
                declared.oneof_index = 0
    pool = descriptor_pool.DescriptorPool()
    pool.Add(file)
    find = pool.FindMessageTypeByName
    return {name: message_factory.GetMessageClass(find(f"{package}.{name}")) for name in schema}
