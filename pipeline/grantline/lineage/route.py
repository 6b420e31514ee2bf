"""Where a hop goes: its chain's partition, and under which keys its token is sighted.

A hop that names its root joins the chain at once. One that does not waits under the strongest
name it has (token, then jti, then delegation, then task) until a sighting there tells the root.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from grantline.model.hop import (
    DELEGATE,
    EVIDENCE_RANK,
    GRANT,
    ISSUING,
    LATE,
    RENEW,
    ROOT_RESOLVED,
    USE,
    Hop,
)
from grantline.model.names import derived_id
from grantline.model.policy import Policy
from grantline.model.sighting import EXCHANGED, ISSUED, USED, WAITING, Sighting


class Routed(NamedTuple):
    """Where one hop goes."""

    key: str
    """Partition key on `delegation.hops`."""
    sightings: list[Sighting]
    """Records for `delegation.tokens`, each under its own key."""


_TASK: Final = "task:"


def token_key(fingerprint: str) -> str:
    return "tok:" + fingerprint


def is_token(key: str) -> bool:
    """Whether a key is a token's, and not another name for authority."""
    return key.startswith("tok:")


def is_task(key: str) -> bool:
    """Whether a key is a task's id: a weak name, which two runs may share."""
    return key.startswith(_TASK)


def jti_key(issuer: str, jti: str) -> str:
    return f"jti:{issuer} {jti}"


def delegation_key(delegation_id: str) -> str:
    return "dlg:" + delegation_id


def own_id(hop: Hop) -> str | None:
    """The delegation an issuing hop is about; derived from its token where it names none."""
    if hop.id is not None:
        return hop.id
    if hop.token_fingerprint is not None and hop.operation in (GRANT, DELEGATE):
        return derived_id(hop.token_fingerprint)
    return None


def mark_late(hop: Hop, policy: Policy) -> Hop:
    """`hop`, flagged if it came after the lateness horizon (convention 1.8)."""
    if hop.received and hop.received / 1e3 - hop.time / 1e9 > policy.lateness_seconds:
        return msgspec.structs.replace(hop, flags=tuple(sorted({*hop.flags, LATE})))
    return hop


def resolve(hop: Hop, root_id: str) -> Hop:
    """`hop` with the root that its token turned out to have."""
    flags = tuple(sorted({*hop.flags, ROOT_RESOLVED}))
    return msgspec.structs.replace(hop, root_id=root_id, flags=flags)


def route(hop: Hop) -> Routed:
    """The chain key and the sightings of `hop`. Pure: the same hop always goes the same way."""
    sightings: list[Sighting] = []
    resolved = ROOT_RESOLVED in hop.flags
    if LATE not in hop.flags:
        if hop.operation in ISSUING and not hop.refused:
            _issue(hop, resolved, sightings)
        # A resolved hop was already sighted where its token was presented.
        if not resolved:
            _present(hop, sightings)
            if hop.root_id is None:
                key = waiting_key(hop)
                if key is not None:
                    sightings.append(
                        Sighting(key, WAITING, hop.span_id, hop.time, hop=hop, risk=hop.action_risk)
                    )
    return Routed(hop.root_id or waiting_key(hop) or hop.trace_id, sightings)


def waiting_key(hop: Hop) -> str | None:
    """The strongest name under which the root of a rootless hop may become known."""
    if hop.operation in (DELEGATE, RENEW):
        if hop.token_parent_fingerprint is not None:
            return token_key(hop.token_parent_fingerprint)
        if hop.operation == DELEGATE:
            return delegation_key(hop.parent_id) if hop.parent_id else _task_key(hop)
    elif hop.token_fingerprint is not None:
        return token_key(hop.token_fingerprint)
    if hop.token_issuer is not None and hop.token_jti is not None and hop.operation != RENEW:
        return jti_key(hop.token_issuer, hop.token_jti)
    if hop.id is not None:
        return delegation_key(hop.id)
    return _task_key(hop)


def _task_key(hop: Hop) -> str | None:
    return _TASK + hop.task_id if hop.task_id else None


def _issue(hop: Hop, resolved: bool, out: list[Sighting]) -> None:
    if hop.token_fingerprint is not None:
        out.append(_full(hop, token_key(hop.token_fingerprint), ISSUED, resolved))
    if hop.root_id is None:
        return
    names: list[str] = []
    own = own_id(hop)
    if own is not None:
        names.append(delegation_key(own))
    if hop.token_issuer is not None and hop.token_jti is not None:
        names.append(jti_key(hop.token_issuer, hop.token_jti))
    if hop.task_id is not None and hop.operation == GRANT:
        names.append(_TASK + hop.task_id)
    out.extend(
        Sighting(
            name, ISSUED, hop.span_id, hop.time, hop.root_id, resolved,
            expires_at=hop.token_expires_at,
        )
        for name in names
    )  # fmt: skip


def _present(hop: Hop, out: list[Sighting]) -> None:
    if hop.operation == USE and hop.token_fingerprint is not None:
        out.append(_full(hop, token_key(hop.token_fingerprint), USED, False))
    elif hop.operation == DELEGATE and hop.token_parent_fingerprint is not None:
        # The claims in this hop are the new token's: of the old one it only tells the exchange.
        out.append(
            Sighting(
                token_key(hop.token_parent_fingerprint), EXCHANGED, hop.span_id, hop.time,
                hop.root_id, kind=hop.kind, service=hop.service, presenter_id=hop.presenter_id,
                outcome=hop.decision_outcome, refused=hop.refused, delegation_id=hop.parent_id,
                parent_span_id=hop.parent_span_id,
            )
        )  # fmt: skip


def _full(hop: Hop, key: str, act: int, resolved: bool) -> Sighting:
    issued = act == ISSUED
    return Sighting(
        key, act, hop.span_id, hop.time, hop.root_id, resolved, hop.kind, hop.service,
        hop.presenter_id, None if issued else hop.token_binding_thumbprint,
        hop.server_address, hop.audiences, hop.actor_id, hop.actor_client_id,
        hop.token_type, hop.token_expires_at, EVIDENCE_RANK.get(hop.evidence or "", 0),
        hop.decision_outcome, hop.refused, hop.action_risk, hop.action_name, own_id(hop),
        hop.subject_id if issued else None, hop.chain_actors if issued else None,
        parent_span_id=hop.parent_span_id,
    )  # fmt: skip


__all__ = [
    "Routed",
    "delegation_key",
    "is_task",
    "is_token",
    "jti_key",
    "mark_late",
    "own_id",
    "resolve",
    "route",
    "token_key",
    "waiting_key",
]
