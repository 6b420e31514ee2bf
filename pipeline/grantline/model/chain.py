"""One chain: every delegation and token that descends from one original grant.

These classes hold state and answer questions; `grantline.lineage` alone changes them. Nothing
here depends on the order in which facts came. What is inherited down the tree (depth, limit,
death) is kept at every delegation, so that a question costs the same in a chain of ten hops
and of a hundred thousand.
"""

from __future__ import annotations

from collections.abc import Iterator

import msgspec

from grantline.model.death import ALIVE, Death, Ends, Revoked, Tally
from grantline.model.names import is_unseen, root_of
from grantline.model.subject import Subject, Told
from grantline.model.task import Claims

MAX_PATH = 16
"""Actors drawn in one path; longer paths keep the human and the last ones."""
FAN_OUT = 16
"""Children beyond which a delegation is asked again with every one: a policy counts from there."""
UNSEEN = "?"
"""What stands for a hop nobody reported."""


class Facts(msgspec.Struct, frozen=True, gc=False):
    """What the reports of one delegation say, merged."""

    parent_id: str | None = None
    parent_fingerprint: str | None = None
    fingerprint: str | None = None
    subject: str | None = None
    actor: str | None = None
    delegator: str | None = None
    granted_scopes: tuple[str, ...] | None = None
    parent_scopes: tuple[str, ...] | None = None
    token_issuer: str | None = None
    method: str | None = None
    task_id: str | None = None
    depth: int | None = None
    max_depth: int | None = None
    expires_at: int | None = None
    audiences: tuple[str, ...] | None = None
    token_type: str | None = None
    token_dialect: str | None = None
    """Advisory: how the emitter read the token."""
    scopes_cut: bool | None = None
    """`granted_scopes` may not be all there; None where they are not told."""
    parent_scopes_cut: bool | None = None
    token_parent_issuer: str | None = None
    client: str | None = None
    """The actor's `client_id`, where its own name is another one."""
    may_act: tuple[str, ...] | None = None
    """Who alone may exchange its token, each as `<issuer> <subject>`."""
    parent_jti: tuple[str, str] | None = None
    """(issuer, jti) of the token it was obtained with, the issuer as it is compared."""


class Particulars(msgspec.Struct, frozen=True, array_like=True, gc=False):
    """What few uses tell, apart from them so that the many are not larger for it."""

    required_scopes: tuple[str, ...] | None = None
    requested_scopes: tuple[str, ...] | None = None
    """What an exchange asked for."""
    parent_scopes: tuple[str, ...] | None = None
    """What the token holds, by the report of an exchange."""
    verified_scopes: tuple[str, ...] | None = None
    """What the token holds, by somebody who verified it as it was used."""
    context_root_id: str | None = None
    """The root that the surrounding context named, where it was not the token's."""


class Use(Subject):
    """One presentation of a token inside its chain."""

    token: Token
    span_id: str
    time: int
    operation: str
    """`use`, or `delegate` when the token was presented to obtain another one."""
    denied: bool
    """The span says that it was refused."""
    refused: bool
    """The same, or the server says so of a call that its client tells of here."""
    client: bool
    stated: bool
    """The span says how it ended; otherwise it counts as done, with less confidence."""
    by: str | None
    action: str | None
    risk: str | None
    clocks: tuple[str, ...] = ()
    """What tells `time`: see `lineage.clocks`."""
    task_id: str | None = None
    """The task it says it is for."""
    told: Particulars | None = None
    at: str | None = None
    """The system that accepted it: the service that answers, else the host that was called."""


class Token(msgspec.Struct, eq=False):
    """One credential of a delegation, or, without a fingerprint, "whatever it presents"."""

    key: str
    fingerprint: str | None
    arrived: int
    """Ingest time of the first hop that spoke of it, milliseconds."""
    owner: Delegation | None = None
    issued: tuple[int, int, str] | None = None
    """(1 if it was told of this token, 0 if of what has its jti; evidence rank; delegation id) of
    the strongest report that issued it."""
    revoked: Revoked | None = None
    condemns: Death = ALIVE
    """Revocations of its whole delegation that name this token instead of the id."""
    uses: Told[Use] = {}
    refusals: set[str] = set()
    """Span ids of the clients whose call a server refused."""
    waiting: dict[Delegation, None] = {}
    """Delegations that were obtained with this token."""
    granted: tuple[int, tuple[str, ...]] | None = None
    """(evidence rank, scopes) by the strongest renewal that brought it; else its delegation's."""
    named: tuple[Named, ...] = ()
    """The (issuer, jti) it was seen with; several only where reports disagree."""
    jti: bool = False
    """It stands in for an issuer and jti."""
    carried: bool = False
    """A token with a fingerprint has that jti."""


class View:
    """What an issuer's log tells by a jti alone."""

    __slots__ = ("at", "heirs", "ids", "renews", "reports", "spans")

    def __init__(self) -> None:
        self.reports: dict[int, Facts] = {}
        """Evidence rank -> what it tells of the delegation."""
        self.spans: set[tuple[int, str]] = set()
        """(time, span id) of these reports."""
        self.renews: tuple[Named, ...] = ()
        """Of what it renews: the token is of the same delegation."""
        self.heirs: tuple[Named, ...] = ()
        """What renews it."""
        self.at: tuple[Delegation, ...] = ()
        """Whom they are of."""
        self.ids: dict[str, None] = {}
        """Ids that it gives the delegation."""


class Named:
    """What an (issuer, jti) names: the tokens that carry it, and what was done by that name."""

    __slots__ = ("claimants", "condemns", "revoked", "stand_in", "tokens", "view")

    def __init__(self, issuer: str, jti: str, arrived: int) -> None:
        self.claimants: tuple[Delegation, ...] = ()
        """Delegations of whose token somebody said that it bears the jti."""
        self.view: View | None = None
        """What is told by that name alone, if anything is."""
        self.revoked: Revoked | None = None
        self.condemns: Death = ALIVE
        self.tokens: dict[Token, None] = {}
        self.stand_in = Token(f"jti:{issuer} {jti}", None, arrived, jti=True)
        self.stand_in.named = (self,)
        """What is presented by hops that show the jti but no token (gateways that strip it)."""


class Renewal(Subject):
    """One report of a new credential for an existing delegation."""

    delegation: Delegation
    span_id: str
    time: int
    fingerprint: str | None
    granted_scopes: tuple[str, ...] | None
    token_issuer: str | None
    audiences: tuple[str, ...] | None
    token_dialect: str | None
    scopes_cut: bool | None
    parent_scopes: tuple[str, ...] | None = None
    """Scopes of the token that was renewed, None also where the list may have been cut."""


class Delegation(Subject):
    """One edge: somebody may act with authority from `parent`."""

    id: str
    arrived: int
    """Ingest time of its first report, or, until then, of the first hop that spoke of it."""
    reports: dict[int, Facts] = {}
    """Evidence rank -> what reports of that rank say."""
    facts: Facts = Facts()
    spans: set[tuple[int, str]] = set()
    """(time, span id) of the reports. Empty: only spoken of, never reported."""
    rows: tuple[Named, ...] = ()
    """What is told of it by the jti of its token alone."""
    claimed: Delegation | None = None
    """The parent its reports name."""
    parent: Delegation | None = None
    """The same, unless that would close a circle: a circle is open at its least id."""
    children: dict[Delegation, None] = {}
    """Those that claim this one as their parent."""
    tokens: dict[Token, None] = {}
    tally: Tally = msgspec.field(default_factory=Tally)
    renewals: Told[Renewal] = {}
    renewed_with: dict[str, int] | None = None
    """Scope -> when a renewal first told that it was held before (nanoseconds); None without any."""
    depth: int | None = None
    """Hops after the grant; None while the way to the root has a gap."""
    limit: int | None = None
    """The least depth its ancestors allow; None where none said."""
    revoked: Death = ALIVE
    """By revocations that name its id."""
    own: Death = ALIVE
    """By every revocation of this delegation itself."""
    above: Death = ALIVE
    """By the revocation of an ancestor."""
    passed_on: Death = ALIVE
    """What its children inherit: its own, its ancestors', and the death of all its tokens."""
    over: Ends = ()
    """The end of what it was given for: of its own task, else of its parent's; or of itself."""

    def renewed(self, renewal: Renewal) -> bool:
        """Note what its renewal tells was held before; True where that is told of an earlier time than
        before, so that later renewals compare with more.
        """
        if not renewal.parent_scopes:
            return False
        first = self.renewed_with = self.renewed_with or {}
        news = [s for s in renewal.parent_scopes if first.get(s, renewal.time + 1) > renewal.time]
        first |= dict.fromkeys(news, renewal.time)
        return bool(news)

    @property
    def seen(self) -> bool:
        """Somebody reported it; otherwise it is a gap."""
        return bool(self.spans or self.rows)

    @property
    def told(self) -> set[tuple[int, str]]:
        """(time, span id) of all that report it."""
        views = [row.view.spans for row in self.rows if row.view is not None]
        return self.spans.union(*views) if views else self.spans

    @property
    def span_ids(self) -> tuple[str, ...]:
        return tuple(span for _, span in sorted(self.told))

    @property
    def first_time(self) -> int:
        return min(self.told)[0]


class Endings:
    """What was said to be over in one chain, and since when.

    The last field of a kill is the task that the end speaks of, if any.
    """

    __slots__ = ("claims", "ids", "named", "tasks")

    def __init__(self) -> None:
        self.ids: dict[str, Ends] = {}
        """Delegation id -> its earliest end."""
        self.tasks: dict[str, Ends] = {}
        """Task id -> its earliest end, of both kinds below."""
        self.named: dict[str, Ends] = {}
        """By ends that named the chain."""
        self.claims: dict[str, Claims] = {}
        """By ends that name nothing but the task; they may be withdrawn."""


class Chain:
    """Everything known under one root grant; or below one name, where no root was seen."""

    __slots__ = ("accused", "closed", "delegations", "doubted", "endings", "ends_at", "granted",
                 "hops",
                 "idle", "jtis", "key", "last_arrival", "last_use", "of_identity", "root_id",
                 "rootless", "row_ids", "task_claims", "task_deaths", "task_deaths_named", "tasks",
                 "tokens", "touched", "unparented")  # fmt: skip

    def __init__(self, key: str) -> None:
        """`key`: the root's id, or what `names.chain_below` makes of a chain without one."""
        self.key = key
        self.root_id = root_of(key)
        self.rootless = is_unseen(self.root_id)
        """Nobody saw a root: `root_id` only tells this chain from others."""
        self.closed = False
        """What is in it stands elsewhere: it says nothing any more."""
        self.unparented = False
        """Without a root: a hand-off that names nothing above it is the topmost hop."""
        self.granted = False
        """Without a root: the topmost hop is a grant."""
        self.doubted = False
        """Without a root: somebody tells of one, on evidence that does not join."""
        self.of_identity = False
        """Without a root: what it hangs below says who somebody is (an ID token), and no more."""
        self.delegations: dict[str, Delegation] = {}
        self.tokens: dict[str, Token] = {}
        self.task_deaths: dict[str, Death] = {}
        """By revocations of the task, whatever named the chain."""
        self.task_deaths_named: dict[str, Death] = {}
        """By those that named it; what claims it by the task alone may be withdrawn."""
        self.task_claims: dict[str, Claims] = {}
        self.tasks: dict[str, dict[Delegation, None]] = {}
        """Task id -> the delegations that somebody said were given for it."""
        self.endings: Endings | None = None
        """None while nobody said that anything is over."""
        self.last_use = 0
        """Event time of the latest use, nanoseconds."""
        self.jtis: dict[tuple[str, str], Named] = {}
        self.row_ids: dict[str, dict[Named, None]] = {}
        """Delegation id -> what was told of it by a jti alone."""
        self.accused: dict[Subject, None] = {}
        """What some rule holds something against."""
        self.hops = 0
        self.touched = self.idle = 0
        self.last_arrival = 0
        self.ends_at = 0
        """When its last token dies, milliseconds."""

    @property
    def over_at(self) -> int:
        """When its last token is dead and its last hop in, milliseconds."""
        return max(self.last_arrival, self.ends_at)

    @property
    def root(self) -> Delegation | None:
        """The original grant, if it was reported."""
        root = self.delegations.get(self.root_id)
        return root if root is not None and root.seen else None

    def path(self, delegation: Delegation | None) -> tuple[str, ...]:
        """Actors from the human to `delegation`, at most `MAX_PATH`, gaps as `?`."""
        if delegation is None:
            return (self._human(), UNSEEN)
        names = [d.facts.actor or UNSEEN for d in self._upward(delegation)]
        if delegation.depth is None:
            names.append(UNSEEN)
        elif delegation.depth >= MAX_PATH:
            names.append("…")
        return (self._human(), *reversed(names))

    def _human(self) -> str:
        root = self.root
        return (root.facts.subject if root is not None else None) or UNSEEN

    def _upward(self, delegation: Delegation) -> Iterator[Delegation]:
        here: Delegation | None = delegation
        for _ in range(MAX_PATH):
            if here is None:
                return
            yield here
            here = here.parent
