"""The attributes of a delegation span and which operation carries which (convention 1.3).

A field is named as in the pipeline's model: the attribute's name without `delegation.`, dots
turned into underscores. Attributes outside this table are refused: a delegation span has
few attributes and no content (no prompt, no tool argument, no consent text).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

Operation = Literal["grant", "delegate", "renew", "use", "consent", "approve", "revoke", "end"]
Kind = Literal["client", "server", "internal"]
Form = Literal["text", "texts", "scopes", "number", "flag", "json"]

OPERATIONS: Final[tuple[Operation, ...]] = (
    "grant", "delegate", "renew", "use", "consent", "approve", "revoke", "end",
)  # fmt: skip
SCHEMA_URL: Final = "https://grantline.dev/schemas/delegation/0.1.0"
MAX_ACTORS: Final = 16
"""Entries of `chain.actors`: the root and the newest fifteen (convention 1.5)."""


@dataclass(frozen=True, slots=True)
class Field:
    """One attribute: its full name, its form, and its level for each operation in order.

    Levels: `R` required, `C` required when known, `r` recommended, `o` only when the agent
    asks for it, `.` not used.
    """

    attribute: str
    form: Form
    levels: str

    def level(self, operation: Operation) -> str:
        return self.levels[OPERATIONS.index(operation)]


# operation order: grant delegate renew use consent approve revoke end
_TABLE: Final = """
id                        text   RRRCrrCC
parent.id                 text   .RCrrr..
root.id                   text   RCCCrrrr
depth                     number RCCrrrrr
task.id                   text   CCCCCCCC
method                    text   RRR.....
evidence                  text   RRRRRRRR
purpose                   text   rro.rr..
subject.id                text   RCCrrro.
subject.issuer            text   RCCrrro.
subject.type              text   RCrrrr..
actor.id                  text   RRRC.ro.
actor.issuer              text   rrrr..o.
actor.type                text   rrrr....
actor.client_id           text   rrrr....
actor.instance.id         text   rrrr....
presenter.id              text   .rrr....
delegator.id              text   CR....r.
delegator.issuer          text   or....o.
chain.actors              texts  .rrr....
chain.hash                text   .rrr....
chain.parent_hash         text   .ro.....
chain.truncated           flag   .CCC....
granted_scopes            scopes CCCr....
requested_scopes          scopes rr......
parent_scopes             scopes .rr.....
required_scopes           scopes ...r.r..
audiences                 texts  CCCR....
rar.types                 texts  rrrr....
rar.hash                  text   rrro.r..
rar.details               json   oooo....
max_depth                 number oo......
token.fingerprint         text   CCRC..CC
token.parent_fingerprint  text   .CC.....
token.actor_fingerprint   text   .r......
token.type                text   CCCC..r.
token.issuer              text   CCCC..r.
token.jti                 text   rrrr..r.
token.issued_at           number rrrr....
token.expires_at          number CCCC....
token.binding.type        text   rrrr....
token.binding.thumbprint  text   CCCC....
token.single_use          flag   ooo.....
token.may_act             texts  rr......
transaction.id            text   rrrr....
decision.outcome          text   .rrC.R..
decision.reason           text   .C.C.C..
decision.policy.id        text   .o.o.o..
action.name               text   ...C.C..
action.risk               text   ...r.r..
consent.id                text   r...R...
consent.kind              text   r...R...
consent.hash              text   ....r...
approval.id               text   o..r.R..
approver.id               text   ....rR..
approver.type             text   ....rR..
approval.action_hash      text   ...r.r..
approval.expires_at       number .....r..
revocation.target         text   ......R.
revocation.reason         text   ......r.
revocation.cascade        flag   ......r.
end.status                text   .......R
token.parent_jti          text   .CC.....
token.parent_issuer       text   .CC.....
token.parent_type         text   .Cr.....
token.parent_expires_at   number .rr.....
token.dialect             text   rrrr....
session.id                text   rrrr..r.
resource                  text   .o.r....
context.id                text   .C.C....
context.root.id           text   .C.C....
"""

# Reused from the OpenTelemetry conventions; any operation may carry them. The gen_ai and
# mcp constants left opentelemetry-semantic-conventions in v1.42, hence plain strings.
_REUSED: Final = """
gen_ai.agent.name gen_ai.agent.version gen_ai.conversation.id gen_ai.operation.name
gen_ai.tool.name gen_ai.tool.call.id mcp.method.name mcp.session.id a2a.task.id
user.hash server.address client.address error.type deployment.environment.name
"""


def field_name(attribute: str) -> str:
    """`delegation.token.jti` -> `token_jti`; `gen_ai.tool.name` -> `gen_ai_tool_name`."""
    return attribute.removeprefix("delegation.").replace(".", "_")


def _fields() -> dict[str, Field]:
    fields = {}
    for line in _TABLE.split("\n"):
        if line:
            name, form, levels = line.split()
            fields[field_name(name)] = Field(f"delegation.{name}", form, levels)  # type: ignore[arg-type]
    for name in _REUSED.split():
        fields[field_name(name)] = Field(name, "text", "o" * len(OPERATIONS))
    return fields


FIELDS: Final = _fields()
"""Field name -> field, for every attribute a delegation span may have."""

ALIASES: Final = {
    "actor": "actor_id",
    "approver": "approver_id",
    "environment": "deployment_environment_name",
    "outcome": "decision_outcome",
    "presenter": "presenter_id",
    "reason": "decision_reason",
    "risk": "action_risk",
    "scopes": "granted_scopes",
    "session": "session_id",
    "subject": "subject_id",
    "task": "task_id",
    "tool": "gen_ai_tool_name",
}
"""The short names an agent's developer types (`reason` of a revocation is its own)."""

PLANS: Final[dict[Operation, dict[str, Field]]] = {
    operation: {name: field for name, field in FIELDS.items() if field.level(operation) != "."}
    for operation in OPERATIONS
}
"""Per operation: the fields its spans may carry."""

TOKEN_PLANS: Final[dict[Operation, dict[str, Field]]] = {
    operation: {name: field for name, field in plan.items() if field.level(operation) != "o"}
    for operation, plan in PLANS.items()
}
"""The same without what a span carries only if the agent asks for it."""

REQUIRED: Final[dict[Operation, frozenset[str]]] = {
    operation: frozenset(
        field.attribute for field in FIELDS.values() if field.level(operation) == "R"
    )
    for operation in OPERATIONS
}
"""Per operation: the attributes without which its span is incomplete."""
