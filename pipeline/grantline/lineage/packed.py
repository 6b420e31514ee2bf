"""A chain's state as rows of numbers and values: what `lineage.packing` writes and reads.

Delegations, tokens and jtis are numbered, each in the order in which its list holds them. The field
order is that of the bytes.
"""

from __future__ import annotations

import msgspec

from grantline.model.chain import Facts, Particulars
from grantline.model.death import Death, Ends, Revoked
from grantline.model.subject import Spoken
from grantline.model.task import Claim


class RenewalRow(msgspec.Struct, array_like=True, gc=False):
    span_id: str
    time: int
    fingerprint: str | None
    granted_scopes: tuple[str, ...] | None
    token_issuer: str | None
    audiences: tuple[str, ...] | None
    token_dialect: str | None
    scopes_cut: bool | None
    parent_scopes: tuple[str, ...] | None
    said: tuple[Spoken, ...]


class UseRow(msgspec.Struct, array_like=True, gc=False):
    span_id: str
    time: int
    operation: str
    denied: bool
    refused: bool
    client: bool
    stated: bool
    by: str | None
    action: str | None
    risk: str | None
    clocks: int
    """The number of its clocks among the chain's."""
    task_id: str | None
    told: Particulars | None
    at: str | None
    said: tuple[Spoken, ...]


class DelegationRow(msgspec.Struct, array_like=True, gc=False):
    id: str
    arrived: int
    reports: dict[int, Facts]
    spans: set[tuple[int, str]]
    claimed: int
    """Its number; -1 for nobody."""
    open: bool
    """It claims a parent that closes a circle, and hangs nowhere."""
    renewals: list[RenewalRow]
    depth: int | None
    limit: int | None
    revoked: Death
    own: Death
    above: Death
    passed_on: Death
    over: Ends
    said: tuple[Spoken, ...]


class TokenRow(msgspec.Struct, array_like=True, gc=False):
    key: str
    fingerprint: bool
    """Its key is its fingerprint; otherwise it stands in for one."""
    arrived: int
    owner: int
    issued: tuple[int, int, str] | None
    revoked: Revoked | None
    condemns: Death
    uses: list[UseRow]
    refusals: set[str]
    waiting: list[int]
    granted: tuple[int, tuple[str, ...]] | None
    carried: bool | None
    """Of what stands in for a jti; None of any other."""


class ViewRow(msgspec.Struct, array_like=True, gc=False):
    reports: dict[int, Facts]
    spans: set[tuple[int, str]]
    ids: list[str]
    renews: list[int]


class NamedRow(msgspec.Struct, array_like=True, gc=False):
    issuer: str
    jti: str
    revoked: Revoked | None
    condemns: Death
    tokens: list[int]
    stand_in: int
    claimants: list[int]
    view: ViewRow | None


class EndingsRow(msgspec.Struct, array_like=True, gc=False):
    ids: dict[str, Ends]
    named: dict[str, Ends]
    claims: dict[str, tuple[list[Claim], list[Claim]]]


class ChainRow(msgspec.Struct, array_like=True, gc=False):
    hops: int
    last_arrival: int
    ends_at: int
    delegations: list[DelegationRow]
    tokens: list[TokenRow]
    named: list[NamedRow]
    task_deaths: dict[str, Death]
    task_deaths_named: dict[str, Death]
    task_claims: dict[str, tuple[list[Claim], list[Claim]]]
    tasks: dict[str, list[int]]
    clocks: list[tuple[str, ...]]
    """What told the times of uses: few clocks tell of many."""
    endings: EndingsRow | None
    last_use: int
    closed: bool
    unparented: bool
    granted: bool
    of_identity: bool
    doubted: bool
    rows: list[tuple[int, list[int]]]
    """By number: a delegation, and the jtis by which an issuer's log tells of it."""
