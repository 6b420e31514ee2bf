"""Spans for workers to read, and the findings of an engine that nothing happened to."""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Sequence
from typing import Any

from grantline.engine import Engine
from grantline.model.finding import Finding
from grantline.model.hop import Hop
from grantline.model.policy import Policy
from grantline.rules.story import tell
from grantline.wire.otlp_attributes import FIELDS, OPERATION_NAME, RESOURCE, SPAN

POLICY = Policy(parent_grace_seconds=1.0, lateness_seconds=90 * 86_400.0)
"""Stories are told in a past of their own: nothing in them is late. A short grace, so that what
time alone brings is seen too."""

_STORY = """
alice grant planner token=a scopes=read,write exp=1000
planner delegate worker from=a token=b scopes=read,admin
worker use b at=crm.example.com root=-
mallory use b at=crm.example.com
alice revoke a target=subtree
@400 worker use b at=crm.example.com root=-
@5000 worker use a at=crm.example.com
nobody delegate drifter from=lost token=c scopes=read root=-
"""


def story(number: int) -> list[Hop]:
    """One chain with several things wrong in it, like no other chain."""
    names = ("alice", "planner", "worker", "mallory", "drifter")
    text = _STORY
    for name in names:
        text = text.replace(name, f"{name}{number}")
    for token in ("a", "b", "c", "lost"):
        for place in (f"token={token} ", f"from={token} ", f"use {token} ", f"revoke {token} "):
            text = text.replace(place, f"{place[:-1]}{number} ")
    return tell(text)[0]


def otlp(hops: Iterable[Hop]) -> bytes:
    """One export request in OTLP JSON, as an emitter would have sent these hops."""
    by_emitter: dict[str | None, list[dict[str, Any]]] = {}
    for hop in hops:
        by_emitter.setdefault(hop.service, []).append(_span(hop))
    return json.dumps(
        {
            "resourceSpans": [
                {
                    "resource": {"attributes": [_attribute("service.name", service)]},
                    "scopeSpans": [{"spans": spans}],
                }
                for service, spans in by_emitter.items()
            ]
        }
    ).encode()


def _span(hop: Hop) -> dict[str, Any]:
    found = [
        _attribute(name, getattr(hop, FIELDS[attribute.slot]))
        for name, attribute in SPAN.items()
        if attribute.slot < len(FIELDS) and name not in RESOURCE and name != OPERATION_NAME
    ]
    return {
        "traceId": hop.trace_id,
        "spanId": hop.span_id,
        "name": hop.operation,
        "kind": hop.kind,
        "startTimeUnixNano": str(hop.time),
        "endTimeUnixNano": str(hop.time + 1000),
        "attributes": [
            _attribute(OPERATION_NAME, hop.operation),
            *(entry for entry in found if entry["value"] is not None),
        ],
    }


def _attribute(name: str, value: Any) -> dict[str, Any]:
    shape: dict[str, Any] | None
    match value:
        case None:
            shape = None
        case bool():
            shape = {"boolValue": value}
        case int():
            shape = {"intValue": str(value)}
        case tuple():
            shape = {"arrayValue": {"values": [{"stringValue": item} for item in value]}}
        case _:
            shape = {"stringValue": value}
    return {"key": name, "value": shape}


def records(hops: Sequence[Hop], seed: int, spans: int = 5) -> list[bytes]:
    """The hops in an order nobody planned, a few to a record."""
    shuffled = list(hops)
    random.Random(seed).shuffle(shuffled)
    return [otlp(shuffled[at : at + spans]) for at in range(0, len(shuffled), spans)]


def undisturbed(hops: Iterable[Hop], policy: Policy = POLICY) -> dict[str, dict[str, Any]]:
    """The open findings of one engine in one process that nothing ever happened to."""
    engine = Engine(policy)
    engine.add(hops)
    return states(engine.finish())


def states(findings: Iterable[Finding]) -> dict[str, dict[str, Any]]:
    """The last state of each finding that is open; the later of two with one revision counts."""
    last: dict[str, Finding] = {}
    for finding in findings:
        if finding.id not in last or finding.revision >= last[finding.id].revision:
            last[finding.id] = finding
    return {
        name: finding.model_dump(exclude={"revision"})
        for name, finding in last.items()
        if finding.status == "open"
    }
