"""A span made in one step is the one that OpenTelemetry's tracer would have made."""

from __future__ import annotations

import os
from collections.abc import Mapping

import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans
from opentelemetry.proto.trace.v1.trace_pb2 import Span
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import ReadableSpan, TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter
from opentelemetry.sdk.trace.sampling import ALWAYS_ON
from opentelemetry.trace import (
    INVALID_SPAN_CONTEXT,
    Link,
    NonRecordingSpan,
    SpanContext,
    SpanKind,
    StatusCode,
    TraceFlags,
    set_span_in_context,
)
from opentelemetry.util.types import AttributeValue

from grantline.emit.resource import another_instance
from grantline.emit.span import SCOPE, Earlier, finished
from grantline.emit.testing import capture

RESOURCE = Resource({"service.name": "booker"})
ATTRIBUTES: Mapping[str, AttributeValue] = {
    "delegation.id": "dlg_1",
    "delegation.depth": 2,
    "delegation.audiences": ("a", "b"),
}
PARENTS = [
    INVALID_SPAN_CONTEXT,
    SpanContext(5, 6, is_remote=True, trace_flags=TraceFlags(0)),
    SpanContext(5, 6, is_remote=False, trace_flags=TraceFlags(3)),
]


def by_the_tracer(parent: SpanContext, links: tuple[Link, ...], failed: bool) -> ReadableSpan:
    memory = InMemorySpanExporter()
    provider = TracerProvider(ALWAYS_ON, RESOURCE, shutdown_on_exit=False)
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer(SCOPE.name, SCOPE.version, SCOPE.schema_url)
    context = set_span_in_context(NonRecordingSpan(parent))
    span = tracer.start_span("use x", context, SpanKind.CLIENT, ATTRIBUTES, links, start_time=1)
    if failed:
        span.set_status(StatusCode.ERROR)
    span.end(1)
    (made,) = memory.get_finished_spans()
    return made


def encoded(span: ReadableSpan) -> bytes:
    """Without the moment and the ids that are drawn anew for every span."""
    request = encode_spans([span])
    (sent,) = request.resource_spans[0].scope_spans[0].spans
    sent.span_id = b""
    sent.start_time_unix_nano = sent.end_time_unix_nano = 0
    if not sent.parent_span_id:
        sent.trace_id = b""
    return request.SerializeToString(deterministic=True)


@pytest.mark.parametrize("parent", PARENTS, ids=["root", "remote", "local"])
@pytest.mark.parametrize("failed", [False, True], ids=["ok", "failed"])
@pytest.mark.parametrize("linked", [False, True], ids=["alone", "linked"])
def test_it_is_encoded_byte_for_byte_as_the_tracers(
    parent: SpanContext, failed: bool, linked: bool
) -> None:
    to = SpanContext(7, 8, is_remote=False)
    said = {"delegation.link.type": "parent", "delegation.id": "dlg_0"}
    theirs = by_the_tracer(parent, (Link(to, said),) if linked else (), failed)
    follows = (Earlier("parent", to, "dlg_0"),) if linked else ()
    ours = finished(
        "use x",
        "client",
        ATTRIBUTES,
        resource=RESOURCE,
        parent=parent,
        follows=follows,
        failed=failed,
    )
    assert encoded(ours) == encoded(theirs)
    assert ours.context is not None
    assert theirs.context is not None
    assert ours.context.trace_flags == theirs.context.trace_flags
    assert ours.parent == theirs.parent


def test_only_what_is_in_another_trace_is_linked_to() -> None:
    parent = SpanContext(5, 6, is_remote=False)
    follows = [
        Earlier("parent", SpanContext(5, 9, is_remote=False)),
        Earlier("resume", SpanContext(7, 8, is_remote=True)),
        Earlier("revokes", INVALID_SPAN_CONTEXT),
        Earlier("parent", None),
    ]
    span = finished("use", "client", {}, resource=RESOURCE, parent=parent, follows=follows)
    assert [link.attributes for link in span.links] == [{"delegation.link.type": "resume"}]


def test_every_span_has_an_id_of_its_own_and_a_root_a_trace_of_its_own() -> None:
    made = [
        finished("use", "client", {}, resource=RESOURCE, parent=INVALID_SPAN_CONTEXT)
        for _ in range(100)
    ]
    contexts = [span.context for span in made if span.context is not None]
    assert len({context.span_id for context in contexts}) == len(made)
    assert len({context.trace_id for context in contexts}) == len(made)


def test_what_the_agent_changes_after_the_call_does_not_change_the_span() -> None:
    """Spans wait in a queue: each value is taken as it was at the call."""
    scopes, audiences, action = ["calendar.write"], ["a"], {"amount": 1}
    with capture() as seen:
        seen.emitter.use("t", required_scopes=scopes, audiences=audiences, action=action)
        scopes.append("admin")
        audiences[0] = "b"
        (fact,) = seen.facts()
    assert fact["required_scopes"] == ("calendar.write",)
    assert fact["audiences"] == ("a",)


def test_two_spans_of_one_token_share_no_attributes() -> None:
    with capture() as seen:
        for tool in ("one", "two"):
            seen.emitter.use(tool, token="fake-opaque-token")
        first, second = seen.facts()
    assert (first["gen_ai.tool.name"], second["gen_ai.tool.name"]) == ("one", "two")


def test_the_kinds_are_those_of_the_protocol() -> None:
    kinds = {
        kind: encode_spans(
            [finished("use", kind, {}, resource=RESOURCE, parent=INVALID_SPAN_CONTEXT)]
        )
        .resource_spans[0]
        .scope_spans[0]
        .spans[0]
        .kind
        for kind in ("client", "server", "internal")
    }
    assert kinds == {
        "client": Span.SPAN_KIND_CLIENT,
        "server": Span.SPAN_KIND_SERVER,
        "internal": Span.SPAN_KIND_INTERNAL,
    }


def test_a_forked_child_is_another_instance_and_names_its_own_process_where_one_is_named() -> None:
    parent = Resource({"service.instance.id": "one", "process.pid": 1, "service.name": "a"})
    child = another_instance(parent).attributes
    assert child["service.instance.id"] != "one"
    assert child["process.pid"] == os.getpid()
    assert child["service.name"] == "a"
    assert "process.parent_pid" not in child
