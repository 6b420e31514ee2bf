"""A policy proposed from what was seen. Each line has its evidence; what only people can know is
written behind a `#`, for them to decide.

Nothing here is learned by the engine: a proposal is read by somebody, who makes a policy of it.
"""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from typing import Final, NamedTuple

import msgspec

from grantline.dialects import dialect, dialect_of, issuer_key
from grantline.dialects.known import BY_NAME
from grantline.model.audience import audience_host
from grantline.model.hop import ANSWERS, DELEGATE, ISSUING, USE, Hop
from grantline.model.policy import Policy
from grantline.model.scopes import in_common
from grantline.rules.vocabulary import vocabulary_of

_ENOUGH: Final = 3
"""Cases after which a thing is proposed; fewer are shown behind a `#`."""
_MOST: Final = 50
"""Lines of one kind."""
_HEAD: Final = """\
#:schema https://grantline.dev/schemas/policy.v1.schema.json
# Proposed from {hops:,} hops of {services} services. What stands behind a # is a guess that somebody
# has to decide. `grantline policy check` says whether the file can be used.
"""


class Held(NamedTuple):
    """What a token was issued with."""

    issuer: str
    audiences: tuple[str, ...]
    scopes: tuple[str, ...]
    actor: str | None


class Exchange(NamedTuple):
    """A token, and the fingerprint of the one it was exchanged for."""

    parent: str
    child: Held


class Seen:
    """What the hops of some files tell that a policy could say."""

    def __init__(self) -> None:
        self.hops = 0
        self.services: set[str] = set()
        self.issuers: defaultdict[str, Counter[str]] = defaultdict(Counter)
        """Issuer's key -> its spellings."""
        self.dialects: defaultdict[str, Counter[str]] = defaultdict(Counter)
        self.held: dict[str, Held] = {}
        """Fingerprint -> what was issued."""
        self.exchanges: list[Exchange] = []
        self.presented: defaultdict[str, set[str]] = defaultdict(set)
        """Presenter -> the fingerprints it was seen to present."""
        self.used_at: defaultdict[str, Counter[str]] = defaultdict(Counter)
        """Audience that names no host -> the hosts that accepted it."""
        self.unauthorised: Counter[tuple[str, str]] = Counter()
        """(service, action) -> uses that name neither token nor delegation."""

    def add(self, hops: Iterable[Hop]) -> None:
        """Take hops in, in any order."""
        for hop in hops:
            self.hops += 1
            if hop.service is not None:
                self.services.add(hop.service)
            if hop.token_issuer is not None:
                key = issuer_key(hop.token_issuer)
                self.issuers[key][hop.token_issuer] += 1
                if hop.token_dialect in BY_NAME:
                    self.dialects[key][str(hop.token_dialect)] += 1
            if hop.operation in ISSUING and not hop.refused:
                self._issued(hop)
            elif hop.operation == USE:
                self._used(hop)

    def _issued(self, hop: Hop) -> None:
        if hop.token_issuer is None or hop.token_fingerprint is None:
            return
        held = Held(
            hop.token_issuer, hop.audiences or (), hop.granted_scopes or (),
            hop.actor_id or hop.actor_client_id,
        )  # fmt: skip
        self.held[hop.token_fingerprint] = held
        if hop.operation == DELEGATE and hop.token_parent_fingerprint is not None:
            self.exchanges.append(Exchange(hop.token_parent_fingerprint, held))

    def _used(self, hop: Hop) -> None:
        fingerprint = hop.token_fingerprint
        if fingerprint is None and hop.id is None and hop.token_jti is None:
            self.unauthorised[hop.service or "?", hop.action_name or "?"] += 1
        if fingerprint is not None and hop.presenter_id is not None:
            self.presented[hop.presenter_id].add(fingerprint)
        if hop.server_address is None or hop.refused or hop.kind not in ANSWERS:
            return
        for audience in hop.audiences or ():
            if audience_host(audience) is None:
                self.used_at[audience][hop.server_address] += 1


class _Vocabularies(NamedTuple):
    """Exchanges for another audience of one issuer."""

    shared: int
    """Names in common."""
    apart: int
    """None in common, on either side some."""


def proposed(seen: Seen) -> str:
    """The text of a policy file; what it says without a `#` can be used as it is."""
    text = _HEAD.format(hops=seen.hops, services=len(seen.services))
    parts = (_gateways(seen), _noise(seen), _audiences(seen), _issuers(seen))
    return text + "".join("\n" + line for part in parts for line in part) + "\n"


def _issuers(seen: Seen) -> Iterator[str]:
    domains = _vocabularies(seen)
    for key, spellings in sorted(seen.issuers.items())[:_MOST]:
        total = spellings.total()
        yield f"\n[issuers.{_quoted(key)}]  # {_times(total, 'hop')}"
        for spelling in sorted(spellings):
            if spelling != key:
                yield f"# told as {_quoted(spelling)} {_times(spellings[spelling], 'time')}: one in comparisons"
        by_name = dialect_of(key)
        stated = seen.dialects.get(key, Counter[str]()).most_common(1)
        if by_name is not None:
            yield f'# dialect = "{by_name}"  # known by its name'
        elif stated:
            yield f"dialect = {_quoted(stated[0][0])}  # stated by emitters in {_times(stated[0][1], 'hop')}"
        name = by_name or (stated[0][0] if stated else None)
        yield from _domain(dialect(name).scope_domain, domains.get(key))


def _domain(known: str | None, found: _Vocabularies | None) -> Iterator[str]:
    if known is not None:
        yield f'# scope_domain = "{known}"  # by its dialect'
        return
    if found is None or not (found.shared or found.apart):
        yield '# scope_domain = "issuer" or "resource"  # no exchange for another audience was seen'
        return
    evidence = (
        f"of {_times(found.shared + found.apart, 'exchange')} for another audience "
        f"{found.shared} share scopes with the token exchanged"
    )
    if found.shared:
        sure = "" if found.shared >= _ENOUGH else "# "
        yield f'{sure}scope_domain = "issuer"  # {evidence}'
    else:
        yield f'# scope_domain = "resource"  # {evidence}'


def _vocabularies(seen: Seen) -> dict[str, _Vocabularies]:
    counts: dict[str, _Vocabularies] = {}
    for parent, child in seen.exchanges:
        had = seen.held.get(parent)
        key = issuer_key(child.issuer)
        if had is None or issuer_key(had.issuer) != key:
            continue
        words = vocabulary_of(child.issuer, (), Policy())
        before = {words.audience(name) for name in had.audiences}
        now = {words.audience(name) for name in child.audiences}
        ours, theirs = words.judged(had.scopes), words.judged(child.scopes)
        if not before or not now or not before.isdisjoint(now) or not ours or not theirs:
            continue
        shared, apart = counts.get(key, _Vocabularies(0, 0))
        common = in_common(ours, theirs)
        counts[key] = _Vocabularies(shared + common, apart + (not common))
    return counts


def _gateways(seen: Seen) -> Iterator[str]:
    """Who presents tokens of several others, and is nobody's actor: a gateway, or a thief."""
    actors = {held.actor for held in seen.held.values()}
    rows = []
    for presenter, fingerprints in seen.presented.items():
        owners = {seen.held[f].actor for f in fingerprints if f in seen.held} - {None, presenter}
        if presenter not in actors and len(owners) >= 2:
            rows.append((len(owners), presenter, len(fingerprints)))
    if rows:
        yield "\n# Gateways carry other people's tokens by design; a thief looks the same: decide."
    for others, presenter, tokens in sorted(rows, reverse=True)[:_MOST]:
        evidence = f"presented {_times(tokens, 'token')} of {others} others, and was given none"
        yield f"# gateways = [{_quoted(presenter)}]  # {evidence}"


def _noise(seen: Seen) -> Iterator[str]:
    if seen.unauthorised:
        yield "\n# Uses under no authority: whoever does this does not tell whose authority it is."
        yield "# [action_tiers]"
    for (service, action), count in seen.unauthorised.most_common(_MOST):
        yield f'# {_quoted(action)} = "low"  # {_times(count, "use")} by {_quoted(service)} without a token'


def _audiences(seen: Seen) -> Iterator[str]:
    rows = [
        (audience, host, count)
        for audience, hosts in sorted(seen.used_at.items())
        for host, count in hosts.most_common()
    ]
    if rows:
        yield "\n# Audiences that name no host, and who accepted them. TR-11 judges those that are told."
        yield "# [audience_aliases]"
    for audience, host, count in rows[:_MOST]:
        yield f"# {_quoted(audience)} = [{_quoted(host)}]  # {_times(count, 'use')} accepted there"


def _quoted(text: str) -> str:
    """As a TOML string; JSON's escapes are TOML's, but for what JSON leaves as it is."""
    return msgspec.json.encode(text).decode().replace("\x7f", "\\u007f")


def _times(count: int, what: str) -> str:
    return f"{count:,} {what}{'' if count == 1 else 's'}"
