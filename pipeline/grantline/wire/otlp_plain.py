"""What converters are given and what they say of it; the vocabulary of `otlp_values`.

One odd attribute costs no span: what is meant clearly is put into the right form and given as
`Mended`; what is not is `Wrong`, and dropped. `Refused` is what costs the span: it has no operation, or
it may carry a credential. That says what is wrong and how to mend it, never the value: it may be a
secret.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from grantline.model.rejected import Reason


class Nested:
    """A key-value list: no attribute of the convention is one."""


class Garbled:
    """A text that is not UTF-8, or an array that has one."""


class Mended(NamedTuple):
    """A value that was not as the convention has it, and is now."""

    value: Any
    flag: str | None = None
    """Where it is another one than `<field>_normalised`."""


class Wrong(ValueError):
    """A value that says nothing we can use."""


class Refused(ValueError):
    """A value that costs the span. `args[0]` reads on after the attribute's name."""

    reason: Reason = "bad_attribute"


class GarbledOperation(Refused):
    reason: Reason = "bad_encoding"


class UnknownOperation(Refused):
    reason: Reason = "unknown_operation"


_KINDS = {
    str: "a string",
    int: "an integer",
    bool: "a boolean",
    float: "a double",
    list: "an array",
    bytes: "bytes",
    Nested: "a key-value list",
}


def kind_of(value: Any) -> str:
    return _KINDS.get(value.__class__, "of an unknown type")
