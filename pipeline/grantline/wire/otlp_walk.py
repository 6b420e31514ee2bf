"""The compiled decoder of OTLP protobuf: what it is told of our tables, where it was built."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from grantline.compiled import compiled
from grantline.model.flags import ATTRIBUTES_DROPPED
from grantline.model.hop import OPERATIONS, Hop
from grantline.model.rejected import Rejected
from grantline.wire import otlp_values
from grantline.wire.otlp_attributes import METHOD_NAME, ODD, SPAN, TOOL_NAME, WIDTH, slot_of
from grantline.wire.otlp_protobuf import read_attribute
from grantline.wire.otlp_spans import EMPTY, MARK, Emitter, Unusable
from grantline.wire.otlp_times import EARLIEST, FIRST_START, FOREVER, LAST_START

Read = Callable[[bytes, int, int], tuple[list[Hop], list[tuple[int, Rejected]], int] | None]
"""(record, most spans, broker's timestamp) -> hops, rejections and how many spans were passed over;
None where only the pure way can tell."""

_FILLED: Final = (
    "span_id", "trace_id", "operation", "time", "kind", "service", "service_instance", "received",
    "environment", "failed", "flags", "action_name", "parent_span_id", "ended",
)  # fmt: skip
"""Fields of a hop that are filled from elsewhere than one attribute, in the walker's order."""
_VERSION: Final = 2
"""The version of the compiled module that is spoken to here; another one is a stale build."""
_MAX_ATTRIBUTES: Final = 1024
"""Attributes of a span that the walker has room for; the SDKs' own default limit is 128."""
_MAX_ITEMS: Final = 64
"""Entries of an array that it has room for, which is what the convention allows."""


def reader(
    emitter: Callable[[bytes], Emitter],
    pure: Callable[[bytes, Emitter, int], Hop | Rejected | None],
) -> Read | None:
    """Reads records as the pure way does, which `emitter` and `pure` are for one resource and one
    span; None where it was not built or is not wanted.
    """
    module = compiled("grantline.wire._walk")
    if module is None or getattr(module, "VERSION", 1) != _VERSION:
        return None
    converters = [getattr(otlp_values, kind) for kind in module.KINDS]
    # Alike up to the length from which the walker asks the pure way.
    alike: dict[Callable[[Any], Any], Callable[[Any], Any]] = {
        otlp_values.details: otlp_values.text
    }
    walker = module.Walker(
        Hop,
        names=[
            (
                name.encode(),
                attribute.slot,
                converters.index(alike.get(attribute.convert, attribute.convert)),
            )
            for name, attribute in SPAN.items()
        ],
        mark=MARK,
        fields=[*map(slot_of, _FILLED), TOOL_NAME, METHOD_NAME, ODD],
        defaults=EMPTY,
        width=WIDTH,
        operations=OPERATIONS,
        dropped=(ATTRIBUTES_DROPPED,),
        unusable=Unusable,
        max_text=otlp_values.MAX_TEXT,
        max_items=_MAX_ITEMS,
        max_attributes=_MAX_ATTRIBUTES,
        starts=(FIRST_START, LAST_START),
        instants=(EARLIEST, FOREVER),
        emitter=emitter,
        remember=read_attribute,
        pure=pure,
    )
    read: Read = walker.read
    return read
