"""ToolHive's audit events: tools, prompts and resources of MCP servers, used through its proxy.

Events as `pkg/audit` makes them (github.com/stacklok/toolhive: `metadata.auditId`, `loggedAt`) and as its
logger writes them, one line each (`audit_id`, `logged_at`). Each is a use at the MCP server (`component`), by
whom the proxy let in: the person by `user_id` (`sub` of the token), never by `user`, which is a name or an e-mail
address; the client by the name it gave itself, for display. No token is named, so a use alone hangs under nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, Final

from grantline.model.hop import SERVER, USE, Hop
from grantline.sources.facts import Event, at, instant, made, need, text
from grantline.sources.source import Json, Origin, Source

_NAME: Final = "toolhive"
_USES: Final = frozenset({"mcp_tool_call", "mcp_resource_read", "mcp_prompt_get"})
_ANONYMOUS: Final = frozenset({"anonymous", "local_user"})


def unwrap(document: Any) -> Iterable[Any] | None:
    """An event, or a list of them."""
    if isinstance(document, list):
        return document
    return [document] if isinstance(document, Mapping) else None


def read(record: Json, origin: Origin) -> Sequence[Hop]:
    """One event; connections, lists, pings and the proxy's other lines are passed over."""
    if "msg" in record and "type" not in record:
        return ()
    kind = need(record, "type")
    if kind not in _USES:
        return ()
    server = need(record, "component")
    target, subjects = record.get("target"), record.get("subjects")
    tool = text(at(target, "name")) or text(at(target, "uri")) or text(at(target, "method"))
    outcome = (text(record.get("outcome")) or "").lower()
    person = text(at(subjects, "user_id"))
    known = person is not None and person not in _ANONYMOUS
    when = record.get("loggedAt") or record.get("logged_at") or record.get("time")
    identity = text(at(record, "metadata", "auditId")) or need(record, "audit_id")
    return [
        made(
            USE, Event(_NAME, identity, instant(when, "loggedAt"), origin), service=server,
            kind=SERVER, action_name=tool, server_address=server,
            agent_name=text(at(subjects, "client_name")),
            mcp_session_id=text(at(record, "source", "extra", "session_id")),
            subject_id=origin.persons.name(origin.issuer or "", person) if known and person else None,
            subject_issuer=origin.issuer if known else None, token_issuer=origin.issuer,
            decision_outcome="deny" if outcome == "denied" else "allow",
            decision_reason="denied" if outcome == "denied" else None,
            error_type=outcome if outcome in ("failure", "error", "denied") else None,
            failed=outcome in ("failure", "error"),
        )
    ]  # fmt: skip


SOURCE: Final = Source(
    _NAME,
    "ToolHive audit events: metadata.auditId, loggedAt, type, component, target, subjects",
    proven=False,
    unwrap=unwrap,
    read=read,
)
