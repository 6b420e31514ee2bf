"""Folding what is known of a person, a session or an agent: whose delegations a revocation reaches.

A revocation that names a subject, a session (CAEP `session-revoked`) or an agent names no chain. It
waits under the party's key, where each delegation given to it is sighted, and reaches those given
at or before it by event time: a later login is another authority. Each pair of the two is met
once both are known, whichever came first, so the end does not depend on their order.

What is over is let go, as of chains: a delegation once its token is dead and nothing can come late,
a revocation once only late facts could have been given before it. Where nobody tells an expiry, a
delegation counts as over with its last report.
"""

from __future__ import annotations

from typing import Final

import msgspec

from grantline.dialects import issuer_key
from grantline.lineage.tiers import LAST_MS
from grantline.model.flags import CLOCK_UNUSABLE
from grantline.model.history import Given, Party, Waiting
from grantline.model.hop import GRANT, REACHED, ROOT_RESOLVED, Hop
from grantline.model.policy import NS, Policy
from grantline.model.sighting import ISSUED, WAITING, Sighting
from grantline.model.subject import tell

_WEIGHT: Final = 8
"""Delegations of a party that weigh as much as one hop of a chain."""
_MS_PER_S: Final = 1_000

KINDS: Final = ("sub:", "sid:", "agt:")


def is_party(key: str) -> bool:
    return key.startswith(KINDS)


def is_busy(key: str) -> bool:
    """Whether much is given to the party of `key`: to an agent more than by a person."""
    return key.startswith("agt:")


def party_of(hop: Hop) -> str | None:
    """Whom a revocation reaches, if it names a person, a session or an agent."""
    target = target_of(hop)
    if target == "subject":
        return "sub:" + hop.subject_id if hop.subject_id else None
    if target == "session":
        return "sid:" + hop.session_id if hop.session_id else None
    if target == "agent":
        return "agt:" + hop.actor_id if hop.actor_id else None
    return None


def target_of(hop: Hop) -> str | None:
    """What a revocation says it is of; where it does not, what it names."""
    if hop.revocation_target is not None:
        return hop.revocation_target
    if hop.token_fingerprint or hop.token_jti or hop.id or hop.task_id:
        return None
    return "session" if hop.session_id else "subject" if hop.subject_id else None


def given(hop: Hop, identity: str | None, out: list[Sighting]) -> None:
    """Sight the delegation of an issuing hop whose chain is known, under whom it was given to."""
    if identity is None or (hop.root_id is None and hop.chain_key is None):
        return
    if CLOCK_UNUSABLE in hop.flags:
        return  # whether it was given before a revocation, nobody knows
    subject, actor = hop.subject_id, hop.actor_id or hop.actor_client_id
    # What hangs below a grant falls with it: for a person or a session the grant is enough.
    if hop.operation == GRANT:
        if subject:
            issuer = hop.subject_issuer or hop.token_issuer
            out.append(_given_to("sub:" + subject, hop, identity, issuer, actor))
        if hop.session_id:
            issuer = hop.token_issuer or hop.subject_issuer
            key = "sid:" + hop.session_id
            out.append(_given_to(key, hop, identity, issuer, None))
    if actor:
        issuer = hop.actor_issuer or hop.token_issuer
        out.append(_given_to("agt:" + actor, hop, identity, issuer, subject))


def _given_to(key: str, hop: Hop, identity: str, issuer: str | None, other: str | None) -> Sighting:
    return Sighting(
        key, ISSUED, hop.span_id, hop.time, hop.root_id, issuer=issuer,
        expires_at=hop.token_expires_at, delegation_id=identity, subject=other,
        chain_key=hop.chain_key,
    )  # fmt: skip


def waits(hop: Hop, out: list[Sighting]) -> None:
    """Let a revocation wait for every delegation of the party it names."""
    party = party_of(hop)
    if party is not None and not hop.refused:
        out.append(Sighting(party, WAITING, hop.span_id, hop.time, hop=hop))


def fold(party: Party, sighting: Sighting, policy: Policy, now_ms: int, out: list[Hop]) -> int:
    """Add one sighting; what it made meet goes to `out`. Returns what the party weighs more."""
    party.last_arrival = max(party.last_arrival, now_ms)
    if sighting.act == ISSUED:
        _given(party, sighting, now_ms, policy, out)
    elif sighting.hop is not None:
        _revoked(party, Waiting(sighting.hop, now_ms), policy, out)
    if now_ms - party.tidied >= policy.lateness_seconds * _MS_PER_S:
        _let_go(party, policy, now_ms)
    weighs = len(party.waiting) + -(-len(party.given) // _WEIGHT)
    if weighs <= party.hops:
        return 0
    heavier = weighs - party.hops
    party.hops = weighs
    return heavier


def _revoked(party: Party, waiting: Waiting, policy: Policy, out: list[Hop]) -> None:
    hop = waiting.hop
    if tell(party.waiting, hop.span_id, waiting):
        out.extend(
            _reaching(hop, at)
            for at, (time, _) in party.given.items()
            if time <= hop.time and _meant(hop, at, policy)
        )


def told_in(sighting: Sighting, now_ms: int) -> tuple[Given, int]:
    """The delegation that a sighting tells of, and when its authority dies, milliseconds."""
    issuer, expires_at = sighting.issuer, sighting.expires_at
    at = (
        sighting.root_id or "",
        sighting.chain_key or "",
        sighting.delegation_id or "",
        issuer_key(issuer) if issuer else "",
        sighting.subject or "",
    )
    if expires_at is None or expires_at * _MS_PER_S <= now_ms:
        return at, now_ms
    return at, expires_at * _MS_PER_S if expires_at < LAST_MS // _MS_PER_S else LAST_MS


def _given(party: Party, sighting: Sighting, now_ms: int, policy: Policy, out: list[Hop]) -> None:
    at, over_at = told_in(sighting, now_ms)
    party.ends_at = max(party.ends_at, over_at)
    known, time = party.given.get(at), sighting.time
    if known is None:
        party.given[at] = (time, over_at)
    elif time < known[0] or over_at > known[1]:
        time = min(known[0], time)
        party.given[at] = (time, max(known[1], over_at))
    if not party.waiting:
        return
    hops = (waiting.hop for waiting in party.waiting.values())
    out.extend(
        _reaching(hop, at)
        for hop in hops
        if time <= hop.time and (known is None or hop.time < known[0]) and _meant(hop, at, policy)
    )


def _meant(hop: Hop, at: Given, policy: Policy) -> bool:
    """Whether a revocation that names this party means this delegation of it.

    A name means something within its issuer; of an agent it may be told alone. Who names both a
    person and an agent means what the one gave to the other.
    """
    *_, issuer, other = at
    target = target_of(hop)
    if target == "agent":
        named = hop.actor_issuer or hop.token_issuer
        theirs = named is None or _one_issuer(named, issuer, policy)
        return theirs and hop.subject_id in {None, other}
    if target == "session":
        return _one_issuer(hop.token_issuer or hop.subject_issuer, issuer, policy)
    named = hop.subject_issuer or hop.token_issuer
    return _one_issuer(named, issuer, policy) and hop.actor_id in {None, other}


def _one_issuer(told: str | None, known: str, policy: Policy) -> bool:
    """By whichever name; where neither side tells any, that is taken for one, too."""
    if told is None or not known:
        return (told or "") == known
    return issuer_key(told) == known or (
        bool(policy.issuers) and policy.issuer(told) == policy.issuer(known)
    )


def _reaching(hop: Hop, at: Given) -> Hop:
    """The revocation, of one delegation in its chain."""
    flags = tuple(sorted({*hop.flags, REACHED, ROOT_RESOLVED}))
    return msgspec.structs.replace(
        hop, root_id=at[0] or None, chain_key=at[1] or None, id=at[2],
        revocation_target="delegation", flags=flags,
    )  # fmt: skip


def _let_go(party: Party, policy: Policy, now_ms: int) -> None:
    """Forget what is over, and revocations before which only late facts could have been given."""
    party.tidied = now_ms
    horizon_ms = now_ms - int(policy.lateness_seconds * _MS_PER_S)
    party.given = {at: told for at, told in party.given.items() if told[1] > horizon_ms}
    before = horizon_ms * (NS // _MS_PER_S)
    party.waiting = {key: w for key, w in party.waiting.items() if w.hop.time >= before}


__all__ = ["KINDS", "fold", "given", "is_busy", "is_party", "party_of", "told_in", "waits"]
