"""The tree of a chain: where delegations hang, and what they inherit.

Depth, limit and death flow from parent to child and are kept at every delegation. A hop that
arrives in order pays for itself alone; only a fact that changes what is inherited pays for the
dependents below it, once each.
"""

from __future__ import annotations

from grantline.model.chain import ALIVE, Chain, Death, Delegation, Kill, Renewal, Token, Use


class Delta:
    """The subjects whose facts changed; insertion-ordered, so that a replay asks alike."""

    __slots__ = ("delegations", "everything", "redraw", "renewals", "uses")

    def __init__(self) -> None:
        self.delegations: dict[Delegation, None] = {}
        self.renewals: dict[tuple[Delegation, Renewal], None] = {}
        self.uses: dict[tuple[Token, Use], None] = {}
        self.redraw = False
        """Something that findings show (a name, a path) may have changed."""
        self.everything = False
        """The root's own facts changed: every delegation of the chain compares with them."""

    def all_uses(self, token: Token) -> None:
        for use in token.uses:
            self.uses[token, use] = None

    def context(self, delegation: Delegation) -> None:
        """The delegation's facts changed: it, its children and its renewals are asked again."""
        self.delegations[delegation] = None
        for child in delegation.children:
            self.delegations[child] = None
        for renewal in delegation.renewals:
            self.renewals[delegation, renewal] = None
        self.redraw = True


def delegation_of(chain: Chain, identity: str, now_ms: int) -> Delegation:
    """The delegation of that id, made as a gap if nobody has spoken of it yet."""
    delegation = chain.delegations.get(identity)
    if delegation is None:
        delegation = chain.delegations[identity] = Delegation(identity, now_ms)
        delegation.depth = 0 if identity == chain.root_id else None
    return delegation


def token_of(chain: Chain, key: str, fingerprint: str | None, now_ms: int) -> Token:
    """The token of that key, made if nobody has spoken of it yet."""
    token = chain.tokens.get(key)
    if token is None:
        token = chain.tokens[key] = Token(key, fingerprint, now_ms)
    return token


def attach(chain: Chain, child: Delegation, parent: Delegation | None, delta: Delta) -> None:
    """Hang `child` under `parent`; the root hangs nowhere, whatever a span says of it."""
    if child.id == chain.root_id or parent is child:
        parent = None
    if child.parent is not parent:
        if child.parent is not None:
            del child.parent.children[child]
        child.parent = parent
        if parent is not None:
            parent.children[child] = None
    inherit(chain, child, delta)


def own_token(chain: Chain, owner: Delegation, token: Token, delta: Delta) -> None:
    """Make `token` one of `owner`'s; its uses are judged by the new owner's state."""
    former = token.owner
    if former is not None:
        del former.tokens[token]
        former.condemned -= token.condemns != ALIVE
        inherit(chain, former, delta)
    token.owner = owner
    owner.tokens[token] = None
    owner.condemned += token.condemns != ALIVE
    if token.uses:
        delta.all_uses(token)
    inherit(chain, owner, delta)


def inherit(chain: Chain, top: Delegation, delta: Delta, facts_changed: bool = False) -> None:
    """Renew what `top` and, where that changed, its descendants inherit."""
    todo = [top]
    while todo:
        here = todo.pop()
        state = _inherited(chain, here)
        same = state == (here.depth, here.limit, here.own, here.above, here.passed_on)
        if same and not (facts_changed and here is top):
            continue
        here.depth, here.limit, here.own, here.above, here.passed_on = state
        delta.delegations[here] = None
        delta.redraw = True
        for token in here.tokens:
            delta.all_uses(token)
        todo.extend(here.children)


def _inherited(
    chain: Chain, here: Delegation
) -> tuple[int | None, int | None, Death, Death, Death]:
    parent = here.parent
    own = here.revoked
    if here.condemned:
        for token in here.tokens:
            own = own.joined(token.condemns)
    if chain.task_deaths and here.facts.task_id is not None:
        own = own.joined(_of(here, chain.task_deaths.get(here.facts.task_id, ALIVE)))
    if own != ALIVE:
        own = _of(here, own)
    dead = own.joined(_death_of_tokens(here))
    if parent is None:
        return (0 if here.id == chain.root_id else None), None, own, ALIVE, dead
    depth = None if parent.depth is None else parent.depth + 1
    limit = _least(parent.limit, parent.facts.max_depth)
    return depth, limit, own, parent.passed_on, dead.joined(parent.passed_on)


def _of(here: Delegation, death: Death) -> Death:
    """`death`, as the death of this delegation."""
    hard, soft = death
    return Death(
        hard and Kill(hard.time, hard.span_id, here.id),
        soft and Kill(soft.time, soft.span_id, here.id),
    )


def _death_of_tokens(here: Delegation) -> Death:
    """A delegation is dead when every token of it was revoked, unless they were replaced."""
    last: Kill | None = None
    cascades = True
    real = False
    # Newest first: of a delegation renewed a thousand times the newest token is the live one.
    for token in reversed(here.tokens):
        if token.fingerprint is None:
            continue
        if not token.revocations:
            return ALIVE
        revocation = token.revocations[0]
        kill = Kill(revocation.time, revocation.span_id, here.id)
        if last is None or kill > last:
            last = kill
        cascades = cascades and any(r.cascades for r in token.revocations)
        real = real or any(not r.rotation for r in token.revocations)
    if last is None or not real:
        return ALIVE
    return Death(hard=last) if cascades else Death(soft=last)


def _least(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)
