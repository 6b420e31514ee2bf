"""What a finding tells of its subject beside the rule's own words: who, where, with which token.

A rule that knows better says so in its hit, and is not overruled. Nothing is guessed: what no
report tells stays None.
"""

from __future__ import annotations

from typing import Final

import msgspec

from grantline.model.approval import Citation
from grantline.model.chain import Delegation, Named, Renewal, Use
from grantline.model.finding import Hit, OutcomeName
from grantline.model.history import Presentation, Waiting
from grantline.model.hop import PRESENTS, Hop
from grantline.model.once import Once
from grantline.model.subject import Subject
from grantline.rules.rule import InHistory

_NAMES: Final = ("actor", "system", "outcome", "issuer", "jti")


def with_subject(hit: Hit, subject: Subject, where: object) -> Hit:
    """`hit` with what `subject` tells of each field that the rule left open."""
    told = zip(_NAMES, _of(subject, where), strict=True)
    news = {name: value for name, value in told if value is not None and getattr(hit, name) is None}
    return msgspec.structs.replace(hit, **news) if news else hit


_Told = tuple[str | None, str | None, OutcomeName | None, str | None, str | None]


def _of(subject: Subject, where: object) -> _Told:
    told: _Told
    if isinstance(subject, Use):
        told = _of_use(subject)
    elif isinstance(subject, Delegation):
        issuer, jti = _named(subject.rows)
        told = subject.facts.actor, None, None, subject.facts.token_issuer or issuer, jti
    elif isinstance(subject, Renewal):
        told = subject.delegation.facts.actor, None, None, subject.token_issuer, None
    elif isinstance(subject, Presentation):
        system = subject.host if subject.kind in PRESENTS else subject.service
        issuer = where.history.issue.issuer if isinstance(where, InHistory) else None
        told = subject.who, system, _outcome(subject), issuer, None
    elif isinstance(subject, Citation):
        told = (
            subject.by,
            None if subject.client else subject.service,
            _outcome(subject),
            None,
            None,
        )
    elif isinstance(subject, Waiting | Once):
        hop = subject.hop
        told = hop.presenter, _answering(hop), _decided(hop), hop.token_issuer, hop.token_jti
    else:
        told = None, None, None, None, None
    return told


def _of_use(use: Use) -> _Told:
    owner = use.token.owner
    issuer, jti = _named(use.token.named)
    issuer = (owner.facts.token_issuer if owner is not None else None) or issuer
    return use.by, use.at, _outcome(use), issuer, jti


def _outcome(subject: Use | Presentation | Citation) -> OutcomeName | None:
    if subject.refused or subject.denied:
        return "refused"
    return "allowed" if subject.stated else None


def _decided(hop: Hop) -> OutcomeName | None:
    if hop.refused:
        return "refused"
    return "allowed" if hop.decision_outcome is not None else None


def _answering(hop: Hop) -> str | None:
    return None if hop.kind in PRESENTS else hop.service


def _named(names: tuple[Named, ...]) -> tuple[str | None, str | None]:
    """Issuer and jti, where the reports agree on one."""
    if len(names) != 1:
        return None, None
    issuer, _, jti = names[0].stand_in.key.removeprefix("jti:").partition(" ")
    return issuer or None, jti or None
