"""The story that every client tells, span by span, in plain attributes of the convention.

alice lets the planner in; it delegates to the booker, who holds more than was there to give. Tools are
used, one is refused, a stranger comes with the booker's token, the planner revokes, and the booker goes on.
Between them stand what SDKs write differently: empty strings and nulls in lists, names that are not
ASCII, links, a span that is none of ours, and one that says everything the convention has.
"""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

import yaml

REGISTRY: Final = Path(__file__).parents[2] / "schemas" / "otel" / "attributes.yaml"
TAG: Final = 8
"""Digits of a tag: what one telling of the story has in all its ids, and no other has."""
SAME: Final = "0" * TAG
_SECOND: Final = 1_000_000_000
_AGENT: Final = "Plänungs-Agent 計画 🧭"

Attributes = dict[str, Any]


def tag_of(lane: str, at: int) -> str:
    """The tag of one telling."""
    return _digest(f"{lane} {at}")[:TAG]


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


@dataclass
class Story:
    """One telling, which began `at` (nanoseconds since the epoch); its ids begin with `tag`."""

    tag: str
    at: int
    spans: list[dict[str, Any]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._tell()

    @property
    def resource(self) -> Attributes:
        return {
            "service.name": f"desk-{self.tag}",
            "service.instance.id": f"desk-{self.tag}-0",
            "deployment.environment.name": "production",
        }

    def as_json(self) -> Attributes:
        """What a client reads."""
        return {"resource": self.resource, "spans": self.spans}

    @property
    def told(self) -> int:
        """Spans that are Grantline's."""
        return sum("delegation.operation.name" in span["attributes"] for span in self.spans)

    def fingerprint(self, token: str) -> str:
        return f"sha256:{self.tag}{_digest(token)[TAG:]}"

    def delegation(self, token: str) -> str:
        return f"dlg_{self.fingerprint(token)[7:39]}"

    def _tell(self) -> None:
        self._span(0, "invoke_agent planner", {"gen_ai.agent.name": _AGENT, "delegation": "none"})
        self._span(1, "grant planner", self._grant(), parent=0)
        self._span(2, "delegate booker", self._delegate(), parent=0, links=[1])
        self._span(3, "use create_event", self._use("create_event"), kind="client", parent=2)
        self._span(3.01, "use create_event",
                   self._use("create_event", **{"decision.outcome": "allow",
                             "presenter.id": "booker", "required_scopes": ["calendar.write"]}),
                   kind="server", parent=3)  # fmt: skip
        self._span(5, "use send_mail",
                   self._use("send_mail", **{"decision.outcome": "deny",
                             "decision.reason": "insufficient_scope",
                             "presenter.id": "booker", "required_scopes": ["mail.send", ""]}),
                   kind="server", error=True, links=[2, 3])  # fmt: skip
        self._span(7, "use create_event",
                   self._use("create_event", **{"decision.outcome": "allow",
                             "presenter.id": "mallory"}), kind="server")  # fmt: skip
        self._span(9, "use everything", self._everything(), kind="consumer")
        self._span(10, "revoke planner", self._revoke())
        self._span(100, "use create_event",
                   self._use("create_event", **{"decision.outcome": "allow",
                             "presenter.id": "booker"}), kind="server", links=[8])  # fmt: skip
        self._span(101, "end", self._of("end", {"id": self.delegation("planner"),
                   "task.id": f"task-{self.tag}", "end.status": "completed"}))  # fmt: skip

    def _span(self, second: float, name: str, attributes: Attributes, *, kind: str = "internal",
              parent: int | None = None, links: list[int] | None = None, error: bool = False
              ) -> None:  # fmt: skip
        start = self.at + round(second * 1000) * 1_000_000
        self.spans.append({
            "name": name, "kind": kind, "start": start, "end": start + 4_000_001,
            "parent": parent, "links": links or [], "error": error, "attributes": attributes,
        })  # fmt: skip

    def _of(self, operation: str, said: Attributes) -> Attributes:
        told = {f"delegation.{name}" if "gen_ai" not in name and name != "server.address" else name: v
                for name, v in said.items()}  # fmt: skip
        return {"delegation.operation.name": operation, "delegation.evidence": "verified_token",
                **told}  # fmt: skip

    def _token(self, holder: str) -> Attributes:
        issuer = f"https://as.{self.tag}.example.com"
        return {
            "id": self.delegation(holder),
            "root.id": self.delegation("planner"),
            "task.id": f"task-{self.tag}",
            "subject.id": "u-7f3a",
            "subject.issuer": issuer,
            "subject.type": "user",
            "actor.id": holder,
            "actor.issuer": issuer,
            "actor.type": "ai_agent",
            "token.fingerprint": self.fingerprint(holder),
            "token.type": "access_token",
            "token.issuer": issuer,
            "token.jti": f"at-{holder}",
            "token.expires_at": self.at // _SECOND + 3600,
            "token.single_use": False,
        }

    def _grant(self) -> Attributes:
        return self._of("grant", {
            **self._token("planner"), "depth": 0, "method": "authorization_code",
            "granted_scopes": ["calendar.write", "", "mail.send", None],
            "audiences": ["", f"crm.{self.tag}.example.com"],
            "rar.types": ["payment_initiation", None], "gen_ai.agent.name": _AGENT,
        })  # fmt: skip

    def _delegate(self) -> Attributes:
        return self._of("delegate", {
            **self._token("booker"), "depth": 1, "method": "token_exchange",
            "parent.id": self.delegation("planner"), "delegator.id": "planner",
            "token.parent_fingerprint": self.fingerprint("planner"),
            "granted_scopes": ["calendar.write", "crm.export"],
            "requested_scopes": [None, "calendar.write crm.export"],
            "parent_scopes": ["calendar.write", "mail.send"],
            "chain.actors": [f"https://as.{self.tag}.example.com u-7f3a", "- planner", "- booker"],
        })  # fmt: skip

    def _use(self, tool: str, **more: Any) -> Attributes:
        return self._of("use", {
            **self._token("booker"), "gen_ai.tool.name": tool,
            "server.address": f"mcp.{self.tag}.example.com", **more,
        })  # fmt: skip

    def _revoke(self) -> Attributes:
        return self._of("revoke", {
            "id": self.delegation("planner"), "token.fingerprint": self.fingerprint("planner"),
            "revocation.target": "subtree", "revocation.cascade": True,
            "revocation.reason": "user_request",
        })  # fmt: skip

    def _everything(self) -> Attributes:
        """Every attribute of the registry as its example has it, of a chain of its own."""
        registry = yaml.safe_load(REGISTRY.read_text("utf-8"))
        found = {one["id"]: self._own(one["id"], one["example"])
                 for one in (*registry["attributes"], *registry["reused"])}  # fmt: skip
        return {**found, "delegation.operation.name": "use"}

    def _own(self, name: str, value: Any) -> Any:
        if isinstance(value, list):
            return [self._own("", item) for item in value]
        if not isinstance(value, str):
            return value
        value = re.sub(rf"(?<![0-9a-f])[0-9a-f]{{{TAG}}}(?=[0-9a-f]{{24}})", self.tag, value)
        value = value.replace("example.com", f"{self.tag}.example.com")
        return f"{value}-{self.tag}" if name.endswith(".id") and "dlg_" not in value else value
