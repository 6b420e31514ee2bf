"""Why something from outside was not taken in."""

from __future__ import annotations

from typing import Literal, get_args

import msgspec

Reason = Literal[
    "not_otlp",  # the bytes are neither OTLP protobuf nor OTLP JSON
    "truncated",  # OTLP protobuf that ends in the middle
    "too_large",  # a record above the size limit
    "too_deep",  # JSON nested beyond the limit
    "bad_encoding",  # text that is not UTF-8
    "unknown_operation",  # `delegation.operation.name` is not one of the eight
    "bad_span",  # trace id, span id or time unusable
    "bad_attribute",  # an attribute of a type or size the convention does not allow
    "missing_attribute",  # a required attribute is absent
    "bad_frame",  # one of our own frames that cannot be read: someone else writes to our topic
    "crashed",  # a fault of ours in reading it; the record is kept for a bug report
    "raw_token",  # the span carries something that looks like a credential
]
"""Every reason on `delegation.rejected`. The list is also the documentation of the `reason` label."""

StoreReason = Literal[
    "unreadable_record",  # the writer met a record of our topics that it cannot read or store
    "deleted_unread",  # retention removed records of our topics before the writer read them
]
"""What only table `rejected` tells besides: found by the lineage writer, and on no topic."""

REASONS: tuple[str, ...] = get_args(Reason)


class Rejected(msgspec.Struct, frozen=True):
    """One record or span that goes to `delegation.rejected` instead of onward.

    `detail` names the culprit (attribute, field, offset) and the cure. It never holds a value
    from the span: whatever is wrong may be a secret.
    """

    reason: Reason
    detail: str
    trace_id: str | None = None
    span_id: str | None = None
    service: str | None = None
