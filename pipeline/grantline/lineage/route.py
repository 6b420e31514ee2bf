"""Where a hop goes: its chain's partition, and under which keys its token is sighted.

A hop that names its root joins the chain at once. One that does not waits under the strongest
name it has (token, then jti, then delegation, then task) until a sighting there tells the root.
A hand-off waits under the names of what it came from; one that names nothing waits under its own.
"""

from __future__ import annotations

from typing import Final, NamedTuple

import msgspec

from grantline.dialects import issuer_key
from grantline.lineage import keys, parties
from grantline.model.flags import CLOCK_UNUSABLE
from grantline.model.hop import (
    DELEGATE,
    END,
    EVIDENCE_RANK,
    GRANT,
    ISSUING,
    JOINS,
    LATE,
    NAMES_ASKED,
    NAMES_JOINED,
    NAMES_SAME,
    REFUSED,
    RENEW,
    REVOKE,
    ROOT_DOUBTED,
    ROOT_RESOLVED,
    ROOT_WITHDRAWN,
    USE,
    Hop,
)
from grantline.model.names import derived_id, id_of_jti, id_of_key, is_top, key_of
from grantline.model.policy import Policy
from grantline.model.sighting import (
    ACTED,
    ANSWERED,
    ASKS,
    BORNE,
    EXCHANGED,
    ISSUED,
    JOINED,
    TOLD,
    USED,
    WAITING,
    Sighting,
)


class Routed(NamedTuple):
    """Where one hop goes."""

    key: str
    """Partition key on `delegation.hops`."""
    sightings: list[Sighting]
    """Records for `delegation.tokens`, each under its own key."""


TASK: Final = "task:"
_ASKING: Final = "?"
_ASKED: Final = (NAMES_ASKED, NAMES_JOINED, ROOT_WITHDRAWN)


def token_key(fingerprint: str) -> str:
    return "tok:" + fingerprint


def is_token(key: str) -> bool:
    """Whether a key is a token's, and not another name for authority."""
    return key.startswith("tok:")


def is_task(key: str) -> bool:
    """Whether a key is a task's id: a weak name, which two runs may share."""
    return key.startswith(TASK)


def jti_key(issuer: str, jti: str) -> str:
    """Under whichever spelling of the issuer, the same."""
    return f"jti:{issuer_key(issuer)} {jti}"


def delegation_key(delegation_id: str) -> str:
    return "dlg:" + delegation_id


def own_id(hop: Hop) -> str | None:
    """The delegation an issuing hop is about; derived from its token where it names none."""
    if hop.id is not None:
        return hop.id
    if hop.token_fingerprint is not None and hop.operation in (GRANT, DELEGATE):
        return derived_id(hop.token_fingerprint)
    return None


def _id_by_jti(hop: Hop) -> str | None:
    """The delegation of an issuing hop that names nothing but its token's issuer and jti."""
    if hop.token_issuer is None or hop.token_jti is None or hop.operation == RENEW:
        return None
    return id_of_jti(issuer_key(hop.token_issuer), hop.token_jti)


def rank_of(hop: Hop) -> int:
    return EVIDENCE_RANK.get(hop.evidence or "", 0)


def mark_late(hop: Hop, policy: Policy) -> Hop:
    """`hop`, flagged if it came after the lateness horizon (convention 1.8)."""
    late = hop.received and hop.received / 1e3 - hop.time / 1e9 > policy.lateness_seconds
    if late and CLOCK_UNUSABLE not in hop.flags:
        return msgspec.structs.replace(hop, flags=tuple(sorted({*hop.flags, LATE})))
    return hop


def resolve(hop: Hop, root_id: str) -> Hop:
    """`hop` with the root that its token turned out to have."""
    flags = tuple(sorted({*hop.flags, ROOT_RESOLVED}))
    return msgspec.structs.replace(hop, root_id=root_id, flags=flags)


def stand(hop: Hop, chain_key: str) -> Hop:
    """`hop` in a chain without a root. An issuer's own word of a grant is one, of the last rank."""
    root_id = id_of_key(key_of(chain_key)) if is_top(chain_key) else None
    flags = tuple(sorted({*hop.flags, ROOT_RESOLVED}))
    return msgspec.structs.replace(hop, root_id=root_id, chain_key=chain_key, flags=flags)


def close(chain_key: str, span_id: str, time: int) -> Hop:
    """What takes back all that was said in a chain without a root; for good."""
    return Hop(span_id, "0" * 32, END, time, chain_key=chain_key, flags=(ROOT_WITHDRAWN,))


def doubt(chain_key: str, span_id: str, time: int) -> Hop:
    """What tells a chain without a root that somebody tells of one, on too little evidence."""
    flags = (ROOT_DOUBTED, ROOT_WITHDRAWN)
    return Hop(span_id, "0" * 32, END, time, chain_key=chain_key, flags=flags)


def join_names(
    key: str,
    why: Sighting | Hop,
    root_id: str | None,
    chain_key: str | None,
    *,
    same: bool = False,
    contested: bool = False,
) -> Hop:
    """What tells `key`, for what `why` told, that it stands under that root, or in that chain.

    `same`: another name of the same token does; with neither, somebody told where that came from.
    `contested`: of a token that bears it, somebody reported the issue. A key behind `asking` is told
    so because it asked.
    """
    flags = (NAMES_JOINED, NAMES_SAME, ROOT_WITHDRAWN) if same else (NAMES_JOINED, ROOT_WITHDRAWN)
    if key.startswith(_ASKING):
        key, flags = key[1:], _ASKED
    return Hop(
        why.span_id, "0" * 32, END, why.time, id=key, root_id=root_id, chain_key=chain_key,
        flags=flags, failed=contested,
    )  # fmt: skip


def asking(key: str) -> str:
    """A token among the followers of its jti that wants to know of its issue, and nothing else."""
    return _ASKING + key


def ask_jti(jti: str, key: str, why: Sighting) -> Hop:
    """What asks `jti`, for the token `key`, whether anybody told of the issue."""
    return Hop(
        why.span_id, "0" * 32, END, why.time, id=jti, parent_id=key, flags=_ASKED,
    )  # fmt: skip


def route(hop: Hop) -> Routed:
    """The chain key and the sightings of `hop`. Pure: the same hop always goes the same way."""
    sightings: list[Sighting] = []
    if hop.id is not None and NAMES_ASKED in hop.flags:
        act = ASKS if hop.parent_id is not None else ANSWERED
        asked = Sighting(hop.id, act, hop.span_id, hop.time, hop.root_id, True,
                         refused=hop.failed, action=hop.parent_id)  # fmt: skip
        return Routed(hop.id, [asked])
    if hop.id is not None and NAMES_JOINED in hop.flags:
        told = Sighting(hop.id, JOINED, hop.span_id, hop.time, hop.root_id, True,
                        refused=hop.failed, chain_key=hop.chain_key,
                        led=NAMES_SAME in hop.flags)  # fmt: skip
        return Routed(hop.id, [told])
    if hop.chain_key is not None and ROOT_WITHDRAWN in hop.flags:
        return Routed(hop.chain_key, sightings)
    resolved = ROOT_RESOLVED in hop.flags
    if LATE not in hop.flags:
        if hop.operation in ISSUING and not hop.refused:
            _issue(hop, resolved, sightings)
            parties.given(hop, own_id(hop) or _id_by_jti(hop), sightings)
        # A resolved hop was already sighted where its token was presented.
        if not resolved:
            _present(hop, sightings)
            if hop.operation == REVOKE:
                parties.waits(hop, sightings)
            if hop.root_id is None:
                _wait(hop, sightings)
        if hop.approval_id is not None:
            sightings.append(_told(hop, keys.approval(hop.approval_id)))
    key = hop.chain_key or hop.root_id or waiting_key(hop) or hop.trace_id
    return Routed(key, sightings)


def _wait(hop: Hop, out: list[Sighting]) -> None:
    key = waiting_key(hop)
    if key is not None:
        out.append(Sighting(key, WAITING, hop.span_id, hop.time, hop=hop, risk=hop.action_risk))
        jti = _jti_beside(hop) if is_token(key) and rank_of(hop) >= JOINS else None
        if jti is not None:
            out.append(Sighting(jti, BORNE, hop.span_id, hop.time, action=key))
    elif keys.is_bare(hop):
        out.append(_told(hop, keys.bare(hop)))


def _jti_beside(hop: Hop) -> str | None:
    """The jti, as a key, of the token that the hop waits under."""
    issuer, jti = hop.token_issuer, hop.token_jti
    if hop.operation in (DELEGATE, RENEW):
        if hop.token_parent_fingerprint in (None, hop.token_fingerprint):
            return None
        issuer, jti = hop.token_parent_issuer or issuer, hop.token_parent_jti
    elif hop.operation == GRANT:
        return None
    return jti_key(issuer, jti) if issuer is not None and jti is not None else None


def waiting_key(hop: Hop) -> str | None:
    """The strongest name under which the root of a rootless hop may become known."""
    if hop.operation in (DELEGATE, RENEW):
        above = _key_above(hop)
        if above is not None or hop.operation == RENEW:
            return above or _task_key(hop)
    if hop.token_fingerprint is not None:
        return token_key(hop.token_fingerprint)
    if hop.token_issuer is not None and hop.token_jti is not None:
        return jti_key(hop.token_issuer, hop.token_jti)
    if hop.id is not None:
        return delegation_key(hop.id)
    return _task_key(hop)


def names_above(hop: Hop) -> bool:
    """Whether a hand-off or a renewal tells what it came from."""
    return _key_above(hop) is not None


def _key_above(hop: Hop) -> str | None:
    """The strongest name a hand-off or a renewal tells of what it came from."""
    if hop.token_parent_fingerprint is not None:
        if hop.token_parent_fingerprint != hop.token_fingerprint:
            return token_key(hop.token_parent_fingerprint)
    elif hop.token_parent_jti is not None and rank_of(hop) >= JOINS:
        issuer = hop.token_parent_issuer or hop.token_issuer
        if issuer is not None and hop.token_parent_jti != hop.token_jti:
            return jti_key(issuer, hop.token_parent_jti)
    if hop.operation == RENEW:
        return delegation_key(hop.id) if hop.id else None
    return delegation_key(hop.parent_id) if hop.parent_id and hop.parent_id != hop.id else None


def _task_key(hop: Hop) -> str | None:
    return TASK + hop.task_id if hop.task_id else None


def _issue(hop: Hop, resolved: bool, out: list[Sighting]) -> None:
    rooted = hop.root_id is not None and hop.chain_key is None
    led = not rooted and hop.operation != GRANT and names_above(hop)
    if hop.token_fingerprint is not None:
        out.append(_full(hop, token_key(hop.token_fingerprint), ISSUED, resolved, led))
    names: list[str] = []
    own = own_id(hop)
    # Without a root, a renewal waits under its delegation's name: it is no issue of it.
    if own is not None and (rooted or hop.operation != RENEW):
        names.append(delegation_key(own))
    if hop.token_issuer is not None and hop.token_jti is not None:
        names.append(jti_key(hop.token_issuer, hop.token_jti))
    if hop.task_id is not None and hop.operation == GRANT and rooted:
        names.append(TASK + hop.task_id)
    root_id, rank = hop.root_id if rooted else None, rank_of(hop)
    borne = hop.token_fingerprint and token_key(hop.token_fingerprint)
    timed = CLOCK_UNUSABLE not in hop.flags
    for name in names:
        out.append(  # noqa: PERF401 - a generator costs
            Sighting(
                name, ISSUED, hop.span_id, hop.time, root_id, resolved,
                expires_at=hop.token_expires_at, rank=rank, action=borne, chain_key=hop.chain_key,
                led=led, timed=timed,
            )
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
                parent_span_id=hop.parent_span_id, timed=CLOCK_UNUSABLE not in hop.flags,
                actor_id=hop.actor_id,
                client_id=hop.actor_client_id, delegator_id=hop.delegator_id,
            )
        )  # fmt: skip
    if hop.token_actor_fingerprint is not None and hop.operation == DELEGATE:
        # Whose chain the actor's own token is of has nothing to do with this one.
        out.append(
            Sighting(
                token_key(hop.token_actor_fingerprint), ACTED, hop.span_id, hop.time,
                kind=hop.kind, service=hop.service, presenter_id=hop.presenter_id,
                outcome=hop.decision_outcome, refused=hop.refused,
                parent_span_id=hop.parent_span_id, timed=CLOCK_UNUSABLE not in hop.flags,
                actor_id=hop.actor_id, client_id=hop.actor_client_id,
                delegator_id=hop.delegator_id,
            )
        )  # fmt: skip
    if hop.operation == DELEGATE and (key := keys.flat(hop)) is not None:
        out.append(_told(hop, key))


def _told(hop: Hop, key: str) -> Sighting:
    root_id = hop.root_id if hop.chain_key is None else None
    return Sighting(key, TOLD, hop.span_id, hop.time, root_id, hop=hop)


def _full(hop: Hop, key: str, act: int, resolved: bool, led: bool = False) -> Sighting:
    # Once a hop: fields in their order, and nothing called that need not be.
    issued, outcome, resource = act == ISSUED, hop.decision_outcome, hop.resource
    rank, jti = EVIDENCE_RANK.get(hop.evidence or "", 0), None
    if not issued and rank >= JOINS and hop.root_id is not None and hop.token_jti is not None:
        jti = (hop.token_issuer, hop.token_jti) if hop.token_issuer is not None else None
    return Sighting(
        key, act, hop.span_id, hop.time, hop.root_id if hop.chain_key is None else None, resolved,
        hop.kind, hop.service, hop.presenter_id, hop.token_binding_thumbprint,
        resource if resource and "://" in resource else hop.server_address,
        hop.audiences, hop.actor_id, hop.actor_client_id,
        hop.token_type, hop.token_expires_at, rank,
        outcome, hop.failed if outcome is None else outcome in REFUSED,
        hop.action_risk, hop.action_name, own_id(hop) if issued else hop.id,
        hop.subject_id if issued else None, hop.chain_actors if issued else None,
        None, hop.parent_span_id, hop.chain_key, led,
        not hop.flags or CLOCK_UNUSABLE not in hop.flags,
        hop.token_binding_type, hop.token_may_act if issued else None,
        None, hop.token_issuer if issued else None, jti,
    )  # fmt: skip


__all__ = [
    "Routed",
    "ask_jti",
    "asking",
    "close",
    "delegation_key",
    "doubt",
    "is_task",
    "is_token",
    "join_names",
    "jti_key",
    "mark_late",
    "names_above",
    "own_id",
    "rank_of",
    "resolve",
    "route",
    "stand",
    "token_key",
    "waiting_key",
]
