"""The tree of a chain: where delegations hang, and what they inherit.

Depth, limit and death flow from parent to child and are kept at every delegation. A hop that
arrives in order pays for itself alone; only a fact that changes what is inherited pays for the
dependents below it, once each. Reports may claim parents in a circle; the tree never has one.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import inf

from grantline.lineage.tallies import death_of_tokens, enter, leave, unharmed
from grantline.model.chain import FAN_OUT, MAX_PATH, Chain, Delegation, Endings, Renewal, Token, Use
from grantline.model.death import ALIVE, Death, Ends, first


class Delta:
    """The subjects whose facts changed; insertion-ordered, so that a replay asks alike."""

    __slots__ = ("delegations", "everything", "redrawn", "renewals", "uses")

    def __init__(self) -> None:
        self.delegations: dict[Delegation, None] = {}
        self.renewals: dict[Renewal, None] = {}
        self.uses: dict[Use, None] = {}
        self.redrawn: dict[Delegation, None] = {}
        """A name or a place changed that findings at it and below it show."""
        self.everything = False
        """The root's own facts changed: every delegation of the chain compares with them."""

    def all_uses(self, token: Token) -> None:
        if token.uses:
            self.uses |= dict.fromkeys(token.uses.values())

    def state(self, delegation: Delegation) -> None:
        """What the delegation inherits changed: it and what was done under it is asked again."""
        self.delegations[delegation] = None
        if delegation.renewals:
            self.renewals |= dict.fromkeys(delegation.renewals.values())
        for token in delegation.tokens:
            self.all_uses(token)

    def all_of(self, chain: Chain) -> None:
        """Everything is asked again."""
        for delegation in chain.delegations.values():
            self.state(delegation)

    def context(self, delegation: Delegation) -> None:
        """The delegation's facts changed: it, its children and its renewals are asked again."""
        self.delegations[delegation] = None
        for child in delegation.children:
            self.delegations[child] = None
        if delegation.renewals:
            self.renewals |= dict.fromkeys(delegation.renewals.values())
        for token in delegation.tokens:
            if token.uses:
                # What they needed or asked for is compared with what was given; findings tell the issuer.
                told = (u for u in token.uses.values() if u.told is not None or u.said)
                self.uses |= dict.fromkeys(told)


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


def attach(
    chain: Chain,
    child: Delegation,
    parent: Delegation | None,
    delta: Delta,
    *,
    facts_changed: bool = False,
) -> None:
    """Hang `child` under `parent`; the root hangs nowhere, whatever a span says of it.

    `facts_changed`: what it tells changed, so that it inherits anew wherever it hangs.
    """
    if child.id == chain.root_id or parent is child:
        parent = None
    if child.claimed is parent:
        if facts_changed:
            inherit(chain, child, delta, facts_changed=True)
        return
    left = _circle(child) if child.children else ()
    if child.claimed is not None:
        del child.claimed.children[child]
        if len(child.claimed.children) >= FAN_OUT:
            delta.delegations[child.claimed] = None
    child.claimed = child.parent = parent
    if parent is not None:
        parent.children[child] = None
        if len(parent.children) > FAN_OUT:
            delta.delegations[parent] = None
    for delegation in (child, *_cuts(child, left)) if child.children else (child,):
        delta.delegations[delegation] = None
        delta.redrawn[delegation] = None
        inherit(chain, delegation, delta, facts_changed and delegation is child)


def _cuts(child: Delegation, left: Sequence[Delegation]) -> list[Delegation]:
    """Close the circle that `child` has left, and open the one that it closes; what hangs elsewhere
    for that.
    """
    cuts = []
    if left and (cut := min(left, key=_id)) is not child:
        cut.parent = cut.claimed
        cuts.append(cut)
    if closed := _circle(child):
        cut = min(closed, key=_id)
        cut.parent = None
        cuts.append(cut)
    return cuts


def _id(delegation: Delegation) -> str:
    return delegation.id


def _circle(member: Delegation) -> list[Delegation]:
    """The circle of claims that `member`, which has children, is part of; empty if there is none."""
    circle = [member]
    here, opened = member.claimed, None
    while here is not None and here is not member:
        if here.parent is None and here.claimed is not None:
            # Where a circle is open. Met twice, it is another one, above `member`.
            if here is opened:
                return []
            opened = opened or here
        circle.append(here)
        here = here.claimed
    return circle if here is member else []


def own_token(chain: Chain, owner: Delegation, token: Token, delta: Delta) -> None:
    """Make `token` one of `owner`'s; its uses are judged by the new owner's state."""
    former = token.owner
    if former is not None:
        del former.tokens[token]
        leave(former, token)
        counted(chain, former, token, delta)
    token.owner = owner
    owner.tokens[token] = None
    enter(owner, token)
    delta.all_uses(token)
    counted(chain, owner, token, delta)


def counted(chain: Chain, owner: Delegation, token: Token, delta: Delta) -> None:
    """`token` is counted at `owner`, or no longer, or elsewhere: tell what that changes, if it may."""
    # Nearly every token lives among living ones, and this is done several times a hop.
    if not unharmed(owner, token) or chain.endings is not None:
        inherit(chain, owner, delta)


def inherit(chain: Chain, top: Delegation, delta: Delta, facts_changed: bool = False) -> None:
    """Renew what `top` and, where that changed, its descendants inherit."""
    todo = [top]
    while todo:
        here = todo.pop()
        depth, limit, own, above, passed_on = _inherited(chain, here)
        over = _over(chain.endings, here) if chain.endings is not None else ()
        if (depth, limit, own, above, over) != (
            here.depth, here.limit, here.own, here.above, here.over
        ):  # fmt: skip
            delta.state(here)
        elif passed_on == here.passed_on and not (facts_changed and here is top):
            continue
        here.depth, here.limit, here.own, here.above = depth, limit, own, above
        here.passed_on, here.over = passed_on, over
        todo.extend(here.children)


def shown_from(redrawn: Iterable[Delegation]) -> Iterable[Delegation]:
    """What is at and below `redrawn`, as far down as findings show its name and place."""
    levels: dict[Delegation, float] = {}
    for top in redrawn:
        kills = (kill for told in top.passed_on for _, kill in told)
        # Paths end after so many actors; a revoked ancestor is named however far below.
        reach = inf if any(kill.delegation_id == top.id for kill in kills) else MAX_PATH
        todo = [(top, reach)]
        while todo:
            here, left = todo.pop()
            if left > levels.get(here, 0):
                levels[here] = left
                todo.extend((child, left - 1) for child in here.children)
    return levels


def _inherited(
    chain: Chain, here: Delegation
) -> tuple[int | None, int | None, Death, Death, Death]:
    parent = here.parent
    of_tokens = death_of_tokens(here)
    own = here.revoked.joined(here.tally.condemns)
    if chain.task_deaths and here.facts.task_id is not None:
        own = own.joined(chain.task_deaths.get(here.facts.task_id, ALIVE))
    if own != ALIVE:
        own = own.of(here.id)
    dead = own.joined(of_tokens)
    if parent is None:
        return (0 if here.id == chain.root_id else None), None, own, ALIVE, dead
    depth = None if parent.depth is None else parent.depth + 1
    limit = _least(parent.limit, parent.facts.max_depth)
    return depth, limit, own, parent.passed_on, dead.joined(parent.passed_on)


def _over(endings: Endings, here: Delegation) -> Ends:
    """When what `here` was given for ended: a task of its own outlives its parent's."""
    task, over = here.facts.task_id, endings.ids.get(here.id, ())
    if task is not None:
        over = first(over, endings.tasks.get(task, ()))
    inherited = here.parent.over if here.parent is not None else ()
    if inherited and task is not None:
        inherited = tuple(told for told in inherited if told[1].delegation_id in ("", task))
    return first(over, inherited)


def _least(one: int | None, other: int | None) -> int | None:
    if one is None or other is None:
        return other if one is None else one
    return min(one, other)
