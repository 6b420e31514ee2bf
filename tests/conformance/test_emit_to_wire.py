"""What the emitting library sends is what the pipeline reads, field by field."""

from __future__ import annotations

from typing import Any

import msgspec
import pytest
from opentelemetry.exporter.otlp.proto.common.trace_encoder import encode_spans

from grantline.emit.attributes import FIELDS
from grantline.emit.testing import Capture, capture
from grantline.model.hop import Hop
from grantline.wire.otlp import decode
from tests.unit.emit.vectors import T0, T1

pytestmark = pytest.mark.usefixtures("decoder")

HOP = {field.name for field in msgspec.structs.fields(Hop)}
ELSEWHERE = {"gen_ai_tool_name": "action_name", "gen_ai_agent_name": "agent_name"}
"""Fields the pipeline keeps under another name."""


def all_operations(seen: Capture) -> None:
    dl = seen.emitter
    dl.grant(T0, method="authorization_code", task="t", consent_id="c-1", max_depth=4)
    dl.delegate(T1, subject_token=T0, actor_token="fake-actor-token", requested_scopes="a b")
    dl.delegate(subject_token=T0, outcome="deny", reason="invalid_scope")
    dl.renew("fake-opaque-token", previous_token=T1)
    dl.use("create_event", token=T1, kind="server", presenter="p", risk="high")
    dl.consent("scope", token=T1, approver="u-1")
    dl.approve("pay", token=T1, approver="u-1", action={"a": 1}, approval_expires_at=1795000600)
    dl.revoke(T1, cascade=True, reason="compromise")
    dl.end("completed", token=T1)


@pytest.fixture(scope="module")
def pairs() -> list[tuple[dict[str, Any], Hop]]:
    """Each span's attributes beside the hop the pipeline made of it."""
    with capture(service_name="booker") as seen:
        all_operations(seen)
        facts = seen.facts()
    decoded = decode(encode_spans([fact.span for fact in facts]).SerializeToString())
    assert not decoded.rejected
    hops = {hop.span_id: hop for hop in decoded.hops}
    assert len(hops) == len(facts)
    return [
        (dict(fact.attributes), hops[f"{fact.span.context.span_id:016x}"])
        for fact in facts
        if fact.span.context is not None
    ]


def test_every_operation_arrives_as_a_hop(pairs: list[tuple[dict[str, Any], Hop]]) -> None:
    assert {hop.operation for _, hop in pairs} == {
        "grant",
        "delegate",
        "renew",
        "use",
        "consent",
        "approve",
        "revoke",
        "end",
    }
    assert {hop.service for _, hop in pairs} == {"booker"}
    assert all(hop.service_instance for _, hop in pairs)
    assert not any(hop.flags for _, hop in pairs)


def test_every_attribute_arrives_with_its_value(pairs: list[tuple[dict[str, Any], Hop]]) -> None:
    for attributes, hop in pairs:
        for name, field in FIELDS.items():
            kept = ELSEWHERE.get(name, name)
            if kept in HOP and field.attribute in attributes:
                assert getattr(hop, kept) == attributes[field.attribute], field.attribute


def test_a_refusal_arrives_as_one(pairs: list[tuple[dict[str, Any], Hop]]) -> None:
    (refused,) = [hop for _, hop in pairs if hop.refused]
    assert (refused.operation, refused.decision_reason) == ("delegate", "invalid_scope")
    assert refused.failed


def test_the_pipeline_keeps_a_field_for_what_the_table_requires() -> None:
    required = {
        name for name, field in FIELDS.items() if "R" in field.levels or "C" in field.levels
    }
    assert required <= HOP
