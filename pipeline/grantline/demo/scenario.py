"""What happens in the demo: a working day, and eleven things that should not happen.

Every agent has an emitter of its own, of the library that real agents use. `plant` notes what
the pipeline must find, and nothing here tells the pipeline.
"""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import NamedTuple

from grantline.demo.tokens import Issuer
from grantline.emit import Emitter, fingerprint
from grantline.emit.facts import Facts

CRM = "https://crm.demo.example"
MAIL = "https://mail.demo.example"
CALENDAR = "https://calendar.demo.example"
PAY = "https://pay.demo.example"
LEEWAY_SECONDS = 1
GRACE_SECONDS = 4.0


class Planted(NamedTuple):
    """One violation that must come out at the far end."""

    rule: str
    reference: str
    fingerprint: str
    """Of the token it is about."""
    spans: int = 1
    """How many violate."""


class Cast:
    """The agents, tools and the issuer, each with its own emitter."""

    def __init__(self, emitter: Callable[[str], Emitter]) -> None:
        self._emitter = emitter
        self._known: dict[str, Emitter] = {}

    def __getitem__(self, name: str) -> Emitter:
        if name not in self._known:
            self._known[name] = self._emitter(name)
        return self._known[name]

    def __len__(self) -> int:
        return len(self._known)

    def flush(self) -> None:
        """Send what is still waiting."""
        for emitter in self._known.values():
            emitter.flush()

    def close(self) -> None:
        """Send what is still waiting, and stop."""
        for emitter in self._known.values():
            emitter.shutdown()


class Scenario:
    """Runs the day; `planted` grows with it."""

    def __init__(self, cast: Cast, say: Callable[[str], None]) -> None:
        self._cast = cast
        self._say = say
        self._issuer = Issuer()
        self.planted: list[Planted] = []
        self._later: list[Callable[[], None]] = []
        self._roots: dict[str, str] = {}

    def run(self) -> None:
        """The whole day, about five seconds."""
        self._a_working_day()
        for incident in (
            self._stolen_token,
            self._other_workload,
            self._expired_token,
            self._cached_token,
            self._passthrough,
            self._escalation,
            self._missing_hop,
            self._runaway_recursion,
            self._ghost_authority,
        ):
            incident()
        # Expiry and revocation count from beyond the leeway for clock skew.
        time.sleep(LEEWAY_SECONDS + 2.2)
        for later in self._later:
            later()

    def _plant(self, rule: str, reference: str, token: str) -> None:
        self.planted.append(Planted(rule, reference, fingerprint(token)))

    def _grant(self, person: str, agent: str, scope: str, audience: str | list[str] = CRM,
               lifetime: float = 600) -> str:  # fmt: skip
        token = self._issuer.token(person, (agent,), scope, audience, lifetime)
        made = self._cast[agent].grant(token, method="authorization_code")
        self._roots[token] = made.id or ""
        return token

    def _exchange(self, subject_token: str, person: str, actors: tuple[str, ...], scope: str,
                  audience: str | list[str] = CRM) -> str:  # fmt: skip
        token = self._issuer.token(person, actors, scope, audience)
        self._cast[actors[-1]].delegate(token, subject_token=subject_token)
        return token

    def _call(self, agent: str, token: str, tool: str, system: str, host: str) -> None:
        """A call as both sides see it: the agent presents, the system verifies."""
        self._cast[agent].use(tool, token=token, server_address=host)
        self._accept(system, token, tool, host, presenter=agent)

    def _accept(self, system: str, token: str, tool: str, host: str, *, presenter: str,
                root_id: str | None = None) -> None:  # fmt: skip
        facts: Facts = {"server_address": host, "presenter": presenter}
        if root_id is not None:
            facts["root_id"] = root_id
        self._cast[system].use(tool, token=token, kind="server", **facts)

    def _a_working_day(self) -> None:
        self._say("a working day: grants, narrowing, fan-out, a renewal, a gateway")
        everything = "calendar.read calendar.write crm.read"
        root = self._grant("alice", "planner", everything, [CALENDAR, CRM])
        self._call("planner", root, "crm.find", "crm", "crm.demo.example")
        for agent in ("booker", "researcher"):
            scope = "calendar.write" if agent == "booker" else "crm.read"
            audience = CALENDAR if agent == "booker" else CRM
            token = self._exchange(root, "alice", ("planner", agent), scope, audience)
            host = audience.removeprefix("https://")
            self._call(agent, token, f"{host.split('.')[0]}.call", host.split(".")[0], host)
        renewed = self._issuer.token("alice", ("planner",), everything, [CALENDAR, CRM])
        self._cast["planner"].renew(renewed, previous_token=root)
        self._call("planner", renewed, "crm.find", "crm", "crm.demo.example")
        behind = self._grant("bob", "helper", "crm.read")
        self._cast["helper"].use("crm.find", token=behind, server_address="gateway.demo.example")
        self._accept("gateway", behind, "crm.find", "gateway.demo.example", presenter="helper")
        self._accept("crm", behind, "crm.find", "crm.demo.example", presenter="gateway")

    def _stolen_token(self) -> None:
        self._say("mallory presents a token she read in a log")
        token = self._grant("alice", "planner", "crm.read")
        self._call("planner", token, "crm.find", "crm", "crm.demo.example")
        self._accept("crm", token, "crm.export", "crm.demo.example", presenter="mallory")
        self._plant("presenter-differs", "TR-01", token)

    def _other_workload(self) -> None:
        self._say("the planner's token turns up in another namespace")
        token = self._grant("carol", "planner", "crm.read")
        for namespace in ("agents", "sandbox"):
            who = f"spiffe://demo.example/ns/{namespace}/sa/planner"
            self._accept("crm", token, "crm.find", "crm.demo.example", presenter=who)
        self._plant("presenter-differs", "TR-02", token)

    def _expired_token(self) -> None:
        self._say("a system accepts a token that has expired")
        token = self._grant("dave", "helper", "crm.read", lifetime=1)
        self._later.append(
            lambda: self._accept("crm", token, "crm.find", "crm.demo.example", presenter="helper")
        )
        self._plant("used-after-expiry", "TR-06", token)

    def _cached_token(self) -> None:
        self._say("a token cache serves one person's token to another person's task")
        mine = self._grant("alice", "helper", "crm.read")
        other = self._grant("bob", "helper", "crm.read")
        self._call("helper", mine, "crm.find", "crm", "crm.demo.example")
        self._accept("crm", mine, "crm.find", "crm.demo.example", presenter="helper",
                     root_id=self._roots[other])  # fmt: skip
        self._plant("token-in-two-chains", "TR-10", mine)

    def _passthrough(self) -> None:
        self._say("a tool passes its caller's token on to another system")
        token = self._grant("erin", "planner", "crm.read")
        self._call("planner", token, "crm.find", "crm", "crm.demo.example")
        self._accept("mail", token, "mail.send", "mail.demo.example", presenter="crm")
        self._plant("wrong-audience", "TR-11", token)

    def _escalation(self) -> None:
        self._say("an exchange returns more than was put in")
        root = self._grant("frank", "planner", "payments.read", PAY)
        token = self._exchange(
            root, "frank", ("planner", "payer"), "payments.read payments.write", PAY
        )
        self._call("payer", token, "payments.create", "pay", "pay.demo.example")
        self._plant("scope-exceeds-parent", "SE-01", token)

    def _missing_hop(self) -> None:
        self._say("a hop is missing, and scopes come out of it that nobody granted")
        root = self._grant("grace", "planner", "crm.read")
        hidden = self._issuer.token("grace", ("planner", "ghost"), "crm.admin", CRM)
        token = self._issuer.token("grace", ("planner", "ghost", "worker"), "crm.admin", CRM)
        self._cast["worker"].delegate(token, subject_token=hidden, root_id=self._roots[root])
        self._plant("scope-exceeds-root", "SE-02", token)
        self._plant("orphan-hop", "CS-06", token)

    def _runaway_recursion(self) -> None:
        self._say("agents delegate to agents that delegate to agents")
        token = self._grant("heidi", "agent-0", "crm.read")
        actors: tuple[str, ...] = ("agent-0",)
        for depth in range(1, 7):
            actors = (*actors, f"agent-{depth}")
            token = self._exchange(token, "heidi", actors, "crm.read")
        self._plant("too-deep", "CS-09", token)

    def _ghost_authority(self) -> None:
        self._say("ivan revokes his grant; his agents go on")
        root = self._grant("ivan", "planner", "crm.read")
        token = self._exchange(root, "ivan", ("planner", "researcher"), "crm.read")
        self._call("researcher", token, "crm.find", "crm", "crm.demo.example")
        self._cast["planner"].revoke(root, cascade=True, revocation_reason="user_request")

        def go_on() -> None:
            self._accept("crm", root, "crm.find", "crm.demo.example", presenter="planner")
            self._accept("crm", token, "crm.export", "crm.demo.example", presenter="researcher")

        self._later.append(go_on)
        self._plant("used-after-revocation", "TR-04", root)
        self._plant("used-after-revocation", "TR-05", token)
