"""Silences: for a time, what somebody answers for pages nobody. It is found, kept and counted all the same.

A silence covers findings, not incidents: what joins a silenced incident from elsewhere pages. The
policy's own mute is the exemption (`rules.exemptions`): what it names is info, which pages nobody.
"""

from __future__ import annotations

from collections.abc import Iterable

import msgspec

from grantline.alerts.member import Member
from grantline.dialects import issuer_key
from grantline.model.action import Action, milliseconds


class Silence(msgspec.Struct, frozen=True, kw_only=True, array_like=True):
    """What is named here, all of it, is silent until `until_ms` (milliseconds since the epoch)."""

    id: str
    owner: str
    reason: str
    until_ms: int
    rule: str | None = None
    """Id or reference."""
    agent: str | None = None
    issuer: str | None = None
    root: str | None = None


def silence_of(action: Action) -> Silence:
    """What an action of that kind asks for. Raises `ValueError` for one that asks for none."""
    named = action.matching
    if named is None or action.silence is None or action.until is None:
        raise ValueError("no silence")
    return Silence(
        id=action.silence,
        owner=action.who,
        reason=action.reason or "",
        until_ms=milliseconds(action.until),
        rule=named.rule,
        agent=named.agent,
        issuer=None if named.issuer is None else issuer_key(named.issuer),
        root=named.root,
    )


def covers(silence: Silence, member: Member) -> bool:
    """Whether the finding is all that the silence names."""
    return (
        (silence.rule is None or silence.rule in {member.rule, member.reference})
        and (silence.agent is None or silence.agent == member.actor)
        and (silence.root is None or silence.root == member.root_id)
        and (silence.issuer is None or silence.issuer == _key(member.issuer))
    )


def silenced_by(member: Member, silences: Iterable[Silence]) -> str | None:
    """The silence that `member` is under: of several the one that lasts longest."""
    found = [(each.until_ms, each.id) for each in silences if covers(each, member)]
    return max(found)[1] if found and member.open else None


def _key(issuer: str | None) -> str | None:
    return None if issuer is None else issuer_key(issuer)
