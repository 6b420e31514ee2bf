"""Stories: hops in one line each, for rules' examples and for tests.

    alice grant planner token=t0 scopes=read,write exp=100
    planner delegate worker from=t0 token=t1 scopes=read
    @300 worker use t1 at=crm.example.com by=crm
    alice revoke t0 target=subtree
    late: ...

`[late:] [@SECONDS] WHO VERB [WHOM or TOKEN] key=value ...`. Times count from `EPOCH` and may be
fractions; without one a hop comes a second after the line before it. Tokens are names; their fingerprints are made
from them. A chain's root is found through the tokens of the whole story, unless `root=` names
one; `root=-` makes the span name none. The lines of one call, told by its client (`kind=client`)
and by its server, have the same `call=NAME`: the server's span is then below the client's. A
`~` in a list stands for a space.
`ended=SECONDS` is when a span was over, on the same scale; `parent-jti=` and `parent-iss=` name the
token that another one was obtained with, where no fingerprint does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterable
from typing import Any, NamedTuple

from grantline.model.hop import APPROVE, CLIENT, DELEGATE, GRANT, INTERNAL, RENEW, SERVER, Hop
from grantline.model.names import derived_id
from grantline.model.policy import NS

EPOCH = 1_795_000_000
"""Seconds: 2026-11-18, the time of the convention's test vectors."""
ISSUER = "https://as.example.com"
_LISTS = {"scopes": "granted_scopes", "parent-scopes": "parent_scopes", "aud": "audiences",
          "requested": "requested_scopes", "required": "required_scopes",
          "may-act": "token_may_act", "actors": "chain_actors"}  # fmt: skip
_TEXTS = {"task": "task_id", "type": "token_type", "iss": "token_issuer", "jti": "token_jti",
          "outcome": "decision_outcome", "risk": "action_risk", "at": "server_address",
          "target": "revocation_target", "reason": "revocation_reason",
          "evidence": "evidence", "method": "method", "instance": "service_instance",
          "session": "session_id", "subject": "subject_id", "subject-iss": "subject_issuer",
          "actor": "actor_id", "actor-iss": "actor_issuer", "resource": "resource",
          "parent-jti": "token_parent_jti", "parent-iss": "token_parent_issuer",
          "parent-type": "token_parent_type",
          "client": "actor_client_id", "dialect": "token_dialect", "action": "action_name",
          "key": "token_binding_thumbprint", "bound": "token_binding_type",
          "approval": "approval_id", "tool-call": "tool_call_id"}  # fmt: skip
_KINDS = {"client": CLIENT, "server": SERVER}


class Line(NamedTuple):
    late: bool
    time: int
    """Nanoseconds since the epoch."""
    who: str
    verb: str
    whom: str | None
    words: dict[str, str]


def fingerprint(token: str) -> str:
    """The fingerprint of a story's token."""
    return "sha256:" + hashlib.sha256(token.encode()).hexdigest()


def tell(story: str) -> tuple[list[Hop], list[Hop]]:
    """The story's hops in their order, and those that come late."""
    lines = list(_lines(story))
    roots = _roots(lines)
    hops = [(_hop(number, line, roots), line.late) for number, line in enumerate(lines)]
    return [hop for hop, late in hops if not late], [hop for hop, late in hops if late]


def _lines(story: str) -> Iterable[Line]:
    time = 0
    for text in filter(None, map(str.strip, story.splitlines())):
        late = text.startswith("late:")
        parts = text.removeprefix("late:").split()
        if parts[0].startswith("@"):
            time = _ns(parts.pop(0)[1:])
        who, verb, *rest = parts
        whom = rest.pop(0) if rest and "=" not in rest[0] else None
        if verb not in ("grant", "delegate", "renew", "use", "revoke", "end", "approve"):
            raise ValueError(f"unknown verb {verb!r} in story line: {text}")
        words = dict(word.split("=", 1) for word in rest)
        yield Line(late, EPOCH * NS + time, who, verb, None if whom == "-" else whom, words)
        time += NS


def _ns(seconds: str) -> int:
    """A decimal number of seconds as nanoseconds, to the last digit."""
    whole, _, part = seconds.partition(".")
    return int(whole) * NS + int(part.ljust(9, "0")[:9] or 0)


def _roots(lines: list[Line]) -> dict[str, str]:
    """token -> root, for every token that leads to a grant of the story."""
    roots = {ln.words["token"]: _id(ln.words["token"]) for ln in lines
             if ln.verb == "grant" and "token" in ln.words}  # fmt: skip
    for _ in lines:
        for line in lines:
            source = line.words.get("from")
            new = line.words.get("token") or (line.whom if line.verb == "renew" else None)
            if source in roots and new is not None:
                roots.setdefault(new, roots[source])
    return roots


def _id(token: str) -> str:
    return derived_id(fingerprint(token))


def _name(text: str) -> str:
    """`dlg:t0` is the id of the delegation whose first token is t0; anything else is itself."""
    return _id(text[4:]) if text.startswith("dlg:") else text


_PARSED: dict[str, tuple[str, Callable[[str], Any]]] = {
    "max-depth": ("max_depth", int),
    "depth": ("depth", int),
    "exp": ("token_expires_at", lambda seconds: EPOCH + int(seconds)),
    "ended": ("ended", lambda seconds: EPOCH * NS + _ns(seconds)),
    "cascade": ("revocation_cascade", lambda word: word == "yes"),
    "parent": ("parent_id", _name),
    "id": ("id", _name),
    "acting": ("token_actor_fingerprint", fingerprint),
    "hash": ("approval_action_hash", fingerprint),
    "until": ("approval_expires_at", lambda seconds: EPOCH + int(seconds)),
    "context": ("context_root_id", _name),
    "flags": ("flags", lambda word: tuple(sorted(word.split(",")))),
}


def _hop(number: int, line: Line, roots: dict[str, str]) -> Hop:
    words = line.words
    fields: dict[str, Any] = {"evidence": "verified_token"}
    for key, value in words.items():
        if key in _LISTS:
            items = tuple(filter(None, value.replace("~", " ").split(",")))
            fields[_LISTS[key]] = items if key == "actors" else tuple(sorted(items))
        elif key in _TEXTS:
            fields[_TEXTS[key]] = value
        elif key in _PARSED:
            name, parse = _PARSED[key]
            fields[name] = parse(value)
        elif key not in ("from", "token", "root", "by", "kind", "call"):
            raise ValueError(f"unknown word {key!r} in a story")
    fields |= _of_verb(line)
    if words.get("root") == "-":
        fields["root_id"] = None
    elif "root" in words:
        fields["root_id"] = _name(words["root"])
    else:
        token = words.get("token") or words.get("from") or line.whom or ""
        fields["root_id"] = roots.get(token, roots.get(words.get("from", "")))
    fields["kind"] = _KINDS.get(words.get("kind", ""), fields["kind"])
    identity = _digits(f"{number} {line}")
    span_id = identity[:16]
    if (call := words.get("call")) is not None:
        above = _digits(f"call {call}")[:16]
        if fields["kind"] == CLIENT:
            span_id = above
        else:
            fields["parent_span_id"] = above
    return Hop(span_id, identity[16:48], line.verb, line.time, **fields)


def _digits(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _of_verb(line: Line) -> dict[str, Any]:
    words, verb = line.words, line.verb
    source = words.get("from")
    own = words.get("token")
    if verb in (GRANT, DELEGATE):
        fields = {"kind": CLIENT, "service": words.get("by", line.whom),
                  "actor_id": words.get("actor", line.whom),
                  "token_fingerprint": own and fingerprint(own),
                  "id": words.get("id") or (own and _id(own))}  # fmt: skip
        if verb == GRANT:
            return fields | {"subject_id": line.who}
        parent = {"parent_id": _id(source)} if source and "parent" not in words else {}
        return fields | parent | {
            "delegator_id": line.who,
            "presenter_id": line.whom,
            "token_parent_fingerprint": source and fingerprint(source),
        }  # fmt: skip
    named = fingerprint(line.whom) if line.whom else None
    if verb == RENEW:
        return {"kind": CLIENT, "service": line.who, "actor_id": line.who,
                "id": words.get("id") or (source and _id(source)), "token_fingerprint": named,
                "token_parent_fingerprint": source and fingerprint(source)}  # fmt: skip
    if verb == "use":
        client = words.get("kind") == "client"
        return {"kind": SERVER, "service": line.who if client else words.get("by", "tool"),
                "presenter_id": line.who, "token_fingerprint": named,
                "decision_outcome": words.get("outcome", None if client else "allow")}  # fmt: skip
    if verb == APPROVE:
        return {"kind": INTERNAL, "service": "approvals", "approver_id": line.who,
                "approval_id": line.whom, "decision_outcome": words.get("outcome", "approved")}  # fmt: skip
    return {"kind": CLIENT, "service": line.who, "token_fingerprint": named}
