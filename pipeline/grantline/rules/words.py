"""How rules speak: short names for tokens, scopes and times, and the facts of a hit."""

from __future__ import annotations

from datetime import UTC, datetime

from grantline.dialects import dialect, dialect_of
from grantline.model.history import Presentation
from grantline.model.policy import Policy
from grantline.model.sighting import EXCHANGED

NS = 1_000_000_000
_MS = 1_000_000
HANDED_ON_BY_DESIGN = frozenset({"txn_token"})
"""Token types that others present by design: a transaction token is passed on unmodified and
its audience is a whole trust domain (draft-ietf-oauth-transaction-tokens)."""
GRAVE = frozenset({"high", "critical"})
"""`action.risk` values that raise a finding's severity."""


def grave(risk: str | None, policy: Policy, *names: str | None) -> bool:
    """Whether an action raises a finding's severity: by the policy's tier, else by its span."""
    if policy.action_tiers:
        risk = policy.tier(*names) or risk
    return risk in GRAVE


def token(fingerprint: str | None) -> str:
    """A token by the last four digits of its fingerprint: enough to tell two apart."""
    return f"token …{fingerprint[-4:]}" if fingerprint else "an unnamed token"


def name_of(key: str) -> str:
    """A name of authority (`lineage.route`): a token, an issuer's id of one, a delegation, a task."""
    kind, _, name = key.partition(":")
    if kind == "tok":
        return token(name)
    if kind == "jti":
        issuer, _, jti = name.partition(" ")
        return f"token {jti} of {issuer}"
    return f"delegation {name}" if kind == "dlg" else key


def credential(fingerprint: str | None, key: str) -> str:
    """A token of a chain, by its fingerprint, else as its issuer names it (`model.chain.Token.key`)."""
    return name_of(key) if fingerprint is None and key.startswith("jti:") else token(fingerprint)


def logged(issuer: str | None, stated: str | None = None) -> bool:
    """Whether the issuer's log tells of every credential as it comes into being."""
    return dialect(stated or dialect_of(issuer)).logs_grants


def holder(giver: str, taker: str) -> str:
    """Who gave, in a sentence about the taker; who exchanges its own token gives to itself."""
    return giver if giver != taker else "the token it exchanged for its own"


def did(shown: Presentation) -> str:
    """What was done with a token; what was refused was only tried."""
    exchanged = shown.act == EXCHANGED
    if shown.refused:
        return "tried to exchange" if exchanged else "tried to use"
    return "exchanged" if exchanged else "used"


def scopes(names: tuple[str, ...]) -> str:
    shown = ", ".join(names[:8])
    return shown + (f" and {len(names) - 8} more" if len(names) > 8 else "") if names else "none"


def instant(time_ns: int) -> str:
    """RFC 3339 in UTC, milliseconds. Times out of range are shown as their number."""
    try:
        moment = datetime.fromtimestamp(time_ns / NS, UTC)
    except (OverflowError, ValueError, OSError):
        return f"{time_ns} ns"
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def span(nanoseconds: int) -> str:
    """A duration for people."""
    if abs(nanoseconds) < _MS:
        return "less than 1 ms"
    if abs(nanoseconds) < NS:
        return f"{nanoseconds // _MS} ms"
    seconds = nanoseconds / NS
    if seconds < 120:
        return f"{seconds:.0f} s"
    if seconds < 7_200:
        return f"{seconds / 60:.0f} min"
    return f"{seconds / 3_600:.1f} h"
