"""One appearance of a token (or of another name for authority) in one hop.

Sightings are what `delegation.tokens` carries: keyed by the token, not by the chain, so that
one place sees every chain a token turns up in. A hop that names no root waits under its key
until a sighting there tells the root.
"""

from __future__ import annotations

from typing import Final

import msgspec

from grantline.model.hop import Hop

ISSUED: Final = 0
"""The hop brought the key into being (grant, delegate, renew)."""
USED: Final = 1
"""The hop presented the token for an action."""
EXCHANGED: Final = 2
"""The hop presented the token to obtain another one."""
JOINED: Final = 4
"""What hangs below the key turned out to stand under `root_id`, or in the chain `chain_key`."""
BORNE: Final = 7
"""The key is a jti, and the token of the key in `action` bears it."""
ASKS: Final = 8
"""The key is a jti, and the token of the key in `action`, whose issue nobody reported, shows it."""
ANSWERED: Final = 9
"""What the jti of the token leads to. It says how the token came into being, and moves no hop."""
TOLD: Final = 5
"""The key is of no authority: `hop` tells of it (an approval, what is said once)."""
ACTED: Final = 6
"""The hop presented the token as that of the actor, beside another one that it exchanged."""
WAITING: Final = 3
"""The hop names no root: `hop` is it, to be sent on once the key's root is known."""

ACTS: Final = frozenset(
    {ISSUED, USED, EXCHANGED, WAITING, JOINED, TOLD, ACTED, BORNE, ASKS, ANSWERED}
)
"""What a frame may hold; another is none of this release's."""


class Sighting(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """A compact record of one hop under one key. The field order is wire format version 1."""

    key: str
    """`tok:<fingerprint>`, `jti:<issuer> <jti>`, `dlg:<delegation id>` or `task:<task id>`; of a party
    `sub:<subject>`, `sid:<session>` or `agt:<agent>`; of no authority `apr:<approval id>`, `bare:<service> <action>` and `flat:<issuer>`."""
    act: int
    span_id: str
    time: int
    """Nanoseconds since the epoch."""
    root_id: str | None = None
    resolved: bool = False
    """The root was found through a token, not named by the span."""
    kind: int = 0
    service: str | None = None
    presenter_id: str | None = None
    thumbprint: str | None = None
    server_address: str | None = None
    """Where the span tells a resource's URL, that."""
    audiences: tuple[str, ...] | None = None
    actor_id: str | None = None
    client_id: str | None = None
    token_type: str | None = None
    expires_at: int | None = None
    rank: int = 0
    """Evidence rank of the reporter."""
    outcome: str | None = None
    refused: bool = False
    risk: str | None = None
    action: str | None = None
    delegation_id: str | None = None
    subject: str | None = None
    """Only on ISSUED: who the authority comes from; under a person's key, whom it was given to."""
    actors: tuple[str, ...] | None = None
    """Only on ISSUED: `chain_actors` of the token."""
    hop: Hop | None = None
    """Only on WAITING and TOLD."""
    parent_span_id: str | None = None
    chain_key: str | None = None
    """Only on ISSUED: the chain without a root that the hop stands in."""
    led: bool = False
    """Only on ISSUED: the hop names what the authority came from, so the way leads further up."""
    timed: bool = True
    """`time` can be compared with others; False where the hop is flagged `clock_unusable`."""
    binding_type: str | None = None
    may_act: tuple[str, ...] | None = None
    """Only on ISSUED."""
    delegator_id: str | None = None
    """Only on EXCHANGED and ACTED."""
    issuer: str | None = None
    """Only on ISSUED: of the token; under a party's key, of its name."""
    jti: tuple[str, str] | None = None
    """Only on USED, where the hop names its root: issuer and jti of the token, as told by a word that
    joins."""
