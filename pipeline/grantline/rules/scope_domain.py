"""Where two tokens' scopes may be compared, and what one of them gained.

A scope's name means something only where it is defined: at the whole issuer, or at one resource of
it. The domain of a token's scopes is decided here, whenever a rule asks, from issuer, audiences,
dialect and policy; nothing is learned from other chains. See decision "A scope means something
only where it is defined" for what holds where a fact is missing.
"""

from __future__ import annotations

from enum import Enum
from typing import NamedTuple

from grantline.dialects import dialect, issuer_key, scope_kind, taken_apart
from grantline.model.audience import audience_host
from grantline.model.policy import Policy
from grantline.model.policy_parts import Crossing
from grantline.model.scopes import gains, in_common
from grantline.rules.vocabulary import Vocabulary, spoken, vocabulary_of


class Side(NamedTuple):
    """What is known of one token's scopes."""

    scopes: tuple[str, ...]
    issuer: str | None = None
    audiences: tuple[str, ...] | None = None
    dialect: str | None = None
    """As the emitter stated it."""
    cut: bool | None = None
    """There may be more scopes than these."""
    holder: str | None = None
    hearsay: bool = False
    """Told by the hop that exchanged it: that no audience is known does not mean it had none."""
    own_token: bool = True
    """False for authority handed on within a process, which has no audience of its own."""
    brokered: bool = False
    """Given by a vault of other issuers' tokens: whose it is, is not told, and not whose is above."""


class Place(Enum):
    """How the place where a token's scopes are defined lies to another's."""

    SAME = "same"
    OTHER = "other"
    UNKNOWN = "unknown"


class Comparison(NamedTuple):
    """What one token's scopes hold beyond another's. Each name is in one list at most."""

    gained: tuple[str, ...] = ()
    """Beyond what was held where the name is defined."""
    unproven: tuple[str, ...] = ()
    """Perhaps: nothing says whether the two vocabularies are one."""
    elsewhere: tuple[str, ...] = ()
    """Of another domain, in which nothing was held before."""
    guessed: bool = False
    """That the vocabularies are one is concluded from names they have in common."""


NOTHING = Comparison()


def nothing_new(had: tuple[str, ...] | None, holds: tuple[str, ...], policy: Policy) -> bool:
    """Whether the names alone show that nothing was gained, wherever they are defined."""
    if had is None or policy.crossings:
        return False
    return had == holds or policy.ignored_scopes.issuperset(set(holds).difference(had))


def compared(had: Side, holds: Side, policy: Policy) -> Comparison:
    """What `holds` has that `had` has not. Costs a set difference where that is nothing."""
    if nothing_new(had.scopes, holds.scopes, policy):
        return NOTHING
    if had.cut:
        return NOTHING  # what is missing there may be among what was cut
    one_issuer = _one_issuer(had, holds, policy)
    words = vocabulary_of(holds.issuer or had.issuer, (had.dialect, holds.dialect), policy)
    before, now = _audiences(had, words, policy), _audiences(holds, words, policy)
    place = _place(had, holds, words, before, now) if one_issuer else Place.OTHER
    if place is not Place.SAME and (across := _crossing(had, holds, policy)) is not None:
        return Comparison(gained=words.judged(_beyond(across, had, holds)))
    names = words.bare(had.scopes, had.audiences)
    wanted = words.bare(holds.scopes, holds.audiences)
    if words.says_everything(names):
        return NOTHING
    extra = words.judged(gains(wanted, names, words.implied))
    if not extra or not one_issuer:
        return Comparison(elsewhere=extra) if extra else NOTHING
    edge = _Edge(place, words.judged(names), words.judged(wanted), holds.holder, before, now)
    return _sorted_out(extra, edge)


class _Edge(NamedTuple):
    """What is known of both sides where some name is beyond what was held."""

    place: Place
    held: tuple[str, ...]
    wanted: tuple[str, ...]
    holder: str | None
    before: frozenset[str]
    """The audiences on the side that gives, and on the side that takes."""
    now: frozenset[str]


def _sorted_out(extra: tuple[str, ...], edge: _Edge) -> Comparison:
    """Each of the names `extra` in the list it belongs to."""
    lists: dict[Place, list[str]] = {place: [] for place in Place}
    guessed = False
    for name in extra:
        kind = scope_kind(name)
        at = edge.place
        if kind == "client_role":
            at = _client_place(name, edge)
        elif at is Place.UNKNOWN:
            held = [each for each in edge.held if _alike(each, kind)]
            if not held:
                at = Place.OTHER  # nothing of this kind was held before
            elif in_common(held, [each for each in edge.wanted if _alike(each, kind)]):
                at, guessed = Place.SAME, True
        lists[at].append(name)
    return Comparison(
        tuple(lists[Place.SAME]), tuple(lists[Place.UNKNOWN]), tuple(lists[Place.OTHER]), guessed
    )


def _client_place(role: str, edge: _Edge) -> Place:
    """A client's role is defined at that client: new is what came with a new audience.

    The requesting client's own roles are in its token without an audience (Keycloak, audience
    resolve).
    """
    client = taken_apart(role).client or ""
    prefix = role[: role.index(":", len("role:")) + 1]
    key = issuer_key(client)
    if key in edge.before or any(name.startswith(prefix) for name in edge.held):
        return Place.SAME
    if key in edge.now or client == edge.holder:
        return Place.OTHER
    return Place.SAME if edge.before and edge.now else Place.UNKNOWN


def _alike(name: str, kind: str) -> bool:
    """Whether names of these kinds are of one vocabulary: permissions are the API's scopes."""
    own = scope_kind(name)
    return own == kind or {own, kind} == {"scope", "permission"}


def _one_issuer(had: Side, holds: Side, policy: Policy) -> bool:
    """An issuer that nobody names is no other one: authority handed on in a process has none.

    Unless the token itself says whose it is: `gho_` is GitHub's, whoever signed what it was had for.
    """
    one, other = had.issuer, holds.issuer
    if one is not None and other is not None:
        return one == other or policy.issuer(one) == policy.issuer(other)
    if holds.brokered and other is None:
        return False
    return not (_elsewhere(had, holds, policy) or _elsewhere(holds, had, policy))


def _elsewhere(opaque: Side, other: Side, policy: Policy) -> bool:
    """Whether a token whose issuer is not told is of a service that the other one is not of."""
    stated = opaque.dialect
    if opaque.issuer is not None or stated is None or not dialect(stated).hosted:
        return False
    theirs = spoken(other.issuer, (other.dialect,), policy)
    return theirs != stated and (theirs is not None or other.issuer is not None)


def _place(
    had: Side, holds: Side, words: Vocabulary, before: frozenset[str], now: frozenset[str]
) -> Place:
    """Within one issuer."""
    if words.domain == "issuer" or not holds.own_token:
        return Place.SAME
    by_resource = words.domain == "resource"
    if before and now:
        if not before.isdisjoint(now):
            return Place.SAME
        return Place.OTHER if by_resource else Place.UNKNOWN
    if before:
        # A token without an audience is good anywhere, so what it holds it holds there, too.
        return Place.UNKNOWN if by_resource else Place.SAME
    if now:
        not_told = by_resource or had.hearsay or had.issuer is None
        return Place.UNKNOWN if not_told else Place.SAME
    return Place.SAME


def _audiences(side: Side, words: Vocabulary, policy: Policy) -> frozenset[str]:
    """The audiences in the form in which they are compared, without the issuer's own."""
    told = side.audiences or words.prefixes(side.scopes)
    if not told:
        return frozenset()
    keys = {words.audience(name) for name in told}
    aliases = policy.audience_aliases
    if aliases:
        known = frozenset().union(*aliases.values())
        keys.update(host for name in told for host in aliases.get(name, ()))
        keys.update(host for name in told if (host := audience_host(name)) in known)
    if side.issuer is not None and len(keys) > 1:
        # Auth0 adds its `/userinfo` to every token that has `openid`.
        issuer = issuer_key(side.issuer)
        keys = keys - {issuer, f"{issuer}/userinfo"} or keys
    return frozenset(keys)


def _crossing(had: Side, holds: Side, policy: Policy) -> Crossing | None:
    """The first agreement of the policy on what the scopes of one side allow on the other."""
    for entry in policy.crossings:
        if (
            _named(entry.from_issuer, had.issuer, policy)
            and _named(entry.to_issuer, holds.issuer, policy)
            and _meant(entry.from_audience, had.audiences)
            and _meant(entry.to_audience, holds.audiences)
        ):
            return entry
    return None


def _named(wanted: str | None, issuer: str | None, policy: Policy) -> bool:
    return wanted is None or (
        issuer is not None and policy.issuer(wanted) == policy.issuer(issuer)
    )  # fmt: skip


def _meant(wanted: str | None, audiences: tuple[str, ...] | None) -> bool:
    return wanted is None or issuer_key(wanted) in map(issuer_key, audiences or ())


def _beyond(entry: Crossing, had: Side, holds: Side) -> tuple[str, ...]:
    allowed = {to for name, allows in entry.allows.items() if not gains((name,), had.scopes)
               for to in allows}  # fmt: skip
    return gains(holds.scopes, allowed)
