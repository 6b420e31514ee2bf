"""A message in several parts adds up to one, and of a value given twice the last one counts, as
protobuf's encoding has it: https://protobuf.dev/programming-guides/encoding/#last-one-wins."""

from __future__ import annotations

import pytest
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest
from opentelemetry.proto.common.v1.common_pb2 import AnyValue, ArrayValue
from opentelemetry.proto.trace.v1.trace_pb2 import Status

from grantline.model.hop import Hop
from grantline.wire.otlp import Decoded, decode
from tests.otlp import BOOKER, USE, any_value, pairs, span
from tests.wire_format import bytes_field, number_field

pytestmark = pytest.mark.usefixtures("decoder")

RESOURCE, SCOPE_SPANS, SPANS, ATTRIBUTES, STATUS, KEY, VALUE = 1, 2, 2, 9, 15, 1, 2


def resource(*names: str) -> bytes:
    """The attributes of this name, as one part of a resource."""
    chosen = pairs({name: BOOKER[name] for name in names})
    return b"".join(bytes_field(1, pair.SerializeToString()) for pair in chosen)


def record(*resources: bytes, body: bytes = b"") -> bytes:
    """A record whose resource comes in these parts, with one span that ends with `body`."""
    whole = bytes_field(SPANS, span().SerializeToString() + body)
    parts = b"".join(bytes_field(RESOURCE, part) for part in resources)
    made = bytes_field(1, parts + bytes_field(SCOPE_SPANS, whole))
    ExportTraceServiceRequest.FromString(made)  # what we send is legal
    return made


def attribute(name: str, *values: bytes) -> bytes:
    """An attribute whose value comes in these parts."""
    key = bytes_field(KEY, name.encode())
    return bytes_field(ATTRIBUTES, key + b"".join(bytes_field(VALUE, value) for value in values))


def one(decoded: Decoded) -> Hop:
    assert decoded.rejected == []
    [hop] = decoded.hops
    return hop


def test_a_resource_in_several_parts() -> None:
    parts = resource("service.name"), resource("service.instance.id", "deployment.environment.name")
    assert decode(record(*parts)) == decode(record(resource(*BOOKER)))
    assert one(decode(record(*parts))).service == BOOKER["service.name"]


def test_a_resource_whose_part_is_broken_is_broken() -> None:
    """Also where its parts in a row would look whole."""
    whole = resource("service.name")
    parts = bytes_field(RESOURCE, whole[:-3]) + bytes_field(RESOURCE, whole[-3:])
    made = bytes_field(1, parts + bytes_field(2, bytes_field(2, span().SerializeToString())))
    hop = one(decode(made))
    assert (hop.service, hop.flags) == (None, ("resource_unreadable",))


def test_a_value_in_several_parts() -> None:
    first, second = (any_value([text]).SerializeToString() for text in ("a", "b"))
    body = attribute("delegation.audiences", first, second)
    assert one(decode(record(body=body))).audiences == ("a", "b")


def test_of_two_kinds_of_a_value_the_last_one_counts() -> None:
    text, number = (any_value(value).SerializeToString() for value in ("three", 3))
    for values in ((text, number), (text + number,)):
        body = attribute("delegation.depth", *values)
        assert one(decode(record(body=body))).depth == 3


def test_arrays_within_one_value_add_up() -> None:
    array = AnyValue(array_value=ArrayValue(values=[any_value("x")])).SerializeToString()
    body = attribute("delegation.granted_scopes", array + array + array)
    assert one(decode(record(body=body))).granted_scopes == ("x",)
    body = attribute("delegation.token.may_act", array + array + array)
    assert one(decode(record(body=body))).token_may_act == ("x", "x", "x")


def test_of_two_keys_the_last_one_counts() -> None:
    key = bytes_field(KEY, b"delegation.depth") + bytes_field(KEY, b"delegation.purpose")
    body = bytes_field(ATTRIBUTES, key + bytes_field(VALUE, any_value("x").SerializeToString()))
    hop = one(decode(record(body=body)))
    assert (hop.purpose, hop.depth) == ("x", USE["delegation.depth"])


def test_of_an_attribute_given_twice_the_last_one_counts() -> None:
    body = b"".join(
        attribute(name, any_value(value).SerializeToString())
        for name, value in (("delegation.purpose", "x"), ("delegation.purpose", ""))
    )
    assert one(decode(record(body=body))).purpose is None


def test_a_status_in_several_parts() -> None:
    error = bytes_field(STATUS, Status(code=Status.STATUS_CODE_ERROR).SerializeToString())
    message = bytes_field(STATUS, Status(message="denied").SerializeToString())
    assert one(decode(record(body=error + message))).failed
    explicit = bytes_field(STATUS, number_field(3, 0))
    assert not one(decode(record(body=error + explicit))).failed


@pytest.mark.parametrize("name", ["resourceless", "scopeless", "spanless"])
def test_what_holds_no_span_holds_no_hop(name: str) -> None:
    made = {
        "resourceless": b"",
        "scopeless": bytes_field(1, bytes_field(RESOURCE, resource(*BOOKER))),
        "spanless": bytes_field(1, bytes_field(SCOPE_SPANS, b"")),
    }[name]
    assert decode(made, "application/x-protobuf") == ([], [], 0)
