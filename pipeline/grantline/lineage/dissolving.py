"""Taking a chain apart that is no longer held as an object."""

from __future__ import annotations

from grantline.model.chain import Chain, Token


def dissolve(chain: Chain) -> None:
    """Take a chain that is no longer held apart. Its circles of references would otherwise wait
    for a full collection of garbage, which a worker with much live state must rarely pay for.
    """
    for delegation in chain.delegations.values():
        delegation.claimed = delegation.parent = None
        delegation.children.clear()
        delegation.tokens.clear()
        delegation.renewals.clear()
        delegation.rows = ()
    for named in chain.jtis.values():
        named.tokens.clear()
        named.claimants = ()
        named.view = None
        _strip(named.stand_in)
    for token in chain.tokens.values():
        _strip(token)
    chain.delegations.clear()
    chain.tokens.clear()
    chain.jtis.clear()
    chain.row_ids.clear()
    chain.tasks.clear()


def _strip(token: Token) -> None:
    token.owner = None
    token.named = ()
    token.uses.clear()
    token.waiting.clear()
