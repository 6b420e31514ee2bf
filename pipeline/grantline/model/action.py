"""What a person did about an incident: the message of `delegation.actions`.

Whoever acts writes it with `state` "recorded"; the alert process, once it has taken it or refuses it,
writes it again with what became of it. The same `id` is the same action. Text in it is cleaned of
control characters and bounded where it is made, and once more by whoever shows it.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Annotated, Final, Literal, TypeAlias

import msgspec

from grantline.model.plain import plain

What: TypeAlias = Literal[
    "acknowledge", "assign", "silence", "unsilence", "resolve", "false_positive"
]
ActionState: TypeAlias = Literal["recorded", "taken", "refused"]

MAX_TEXT: Final = 500
LONGEST: Final = timedelta(days=90)
"""Of a silence or a false positive: the topic keeps an action as long as that."""
_INSTANT: Final = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d{1,9})?Z",
    re.ASCII,
)
_INCIDENT: Final = r"^inc_[0-9a-f]{32}$"
_SILENCE: Final = r"^sil_[0-9a-f]{32}$"

Text: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=MAX_TEXT)]
IncidentId: TypeAlias = Annotated[str, msgspec.Meta(pattern=_INCIDENT)]
SilenceId: TypeAlias = Annotated[str, msgspec.Meta(pattern=_SILENCE)]
When: TypeAlias = Annotated[
    str,
    msgspec.Meta(
        pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,9})?Z$"
    ),
]


class Unactionable(ValueError):
    """What a person asked for cannot be an action; the text says why and what to give."""


class Matching(msgspec.Struct, frozen=True, kw_only=True):
    """What a silence is about: a finding that is all that is named here."""

    rule: Text | None = None
    """Id or reference of a rule."""
    agent: Text | None = None
    issuer: Text | None = None
    root: Text | None = None

    @property
    def empty(self) -> bool:
        return (self.rule, self.agent, self.issuer, self.root) == (None,) * 4


class Action(msgspec.Struct, frozen=True, kw_only=True):
    """One thing that one person did. `incident` or `silence` says about what."""

    version: Literal["1"] = "1"
    id: Annotated[str, msgspec.Meta(pattern=r"^act_[0-9a-f]{32}$")]
    at: When
    who: Text
    what: What
    via: Text
    """Where it was done: `command line`, `console`, the name of a tool."""
    incident: IncidentId | None = None
    silence: SilenceId | None = None
    matching: Matching | None = None
    """Of a silence."""
    until: When | None = None
    """When a silence, or a false positive, ends."""
    reason: Text | None = None
    assignee: Text | None = None
    state: ActionState = "recorded"
    outcome_at: When | None = None
    """When the alert process took or refused it."""
    why: Text | None = None
    """Why it was refused."""

    @property
    def key(self) -> str:
        """Of the record: what it is about."""
        return self.incident or self.silence or self.id


_decoder: Final = msgspec.json.Decoder(Action)


def encode(action: Action) -> bytes:
    """The value of a record on the topic."""
    return msgspec.json.encode(action)


def decode(value: bytes) -> Action:
    """Raises `msgspec.DecodeError`, `msgspec.ValidationError`, or `Unactionable` for what is whole
    and makes no sense.
    """
    action = _decoder.decode(value)
    _check(action)
    return action


def action(
    what: What, *, token: str, who: str, via: str, now: datetime, incident: str | None = None,
    silence: str | None = None, matching: Matching | None = None, until: datetime | None = None,
    reason: str | None = None, assignee: str | None = None,
) -> Action:  # fmt: skip
    """The record of what a person asked for at `now` (with zone).

    `token`: 32 hex digits that no other action has, drawn by the caller. Raises `Unactionable`.
    """
    if until is not None and until > now + LONGEST:
        raise Unactionable(f"longer than {LONGEST.days} days: choose an earlier end, and renew it")
    if until is not None and until <= now:
        raise Unactionable(f"{instant(until)} is over: give an end that is still to come")
    made = Action(
        id=f"act_{token}",
        at=instant(now),
        who=_clean(who) or "",
        what=what,
        via=_clean(via) or "",
        incident=incident,
        silence=f"sil_{token}" if what == "silence" else silence,
        matching=None if matching is None else _cleaned(matching),
        until=None if until is None else instant(until),
        reason=_clean(reason),
        assignee=_clean(assignee),
    )
    _check(made)
    try:
        return _decoder.decode(encode(made))
    except msgspec.ValidationError as why:
        raise Unactionable(str(why)) from None


def instant(when: datetime) -> str:
    """RFC 3339 in UTC, milliseconds."""
    return when.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def instant_of(ms: int) -> str:
    """RFC 3339 in UTC, milliseconds, of milliseconds since the epoch."""
    return instant(datetime.fromtimestamp(ms // 1_000, UTC).replace(microsecond=ms % 1_000 * 1_000))


def milliseconds(when: str) -> int:
    """Since the epoch, of an RFC 3339 instant in UTC. Raises `ValueError`."""
    if not _INSTANT.fullmatch(when):
        raise ValueError("no instant in UTC")
    whole = datetime.fromisoformat(when[:19] + "+00:00")
    fraction = when[20:-1] or "0"
    return int(whole.timestamp()) * 1_000 + int(fraction.ljust(3, "0")[:3])


def _check(action: Action) -> None:
    needs = _NEEDS[action.what]
    for name in needs:
        if getattr(action, name) in (None, ""):
            raise Unactionable(f"{action.what} needs {_WORDS.get(name, name)}")
    if not action.who:
        raise Unactionable("an action needs to say who did it")
    if action.matching is not None and action.matching.empty:
        raise Unactionable("a silence needs a rule, an agent, an issuer or a root")
    for when in (action.at, action.until, action.outcome_at):
        try:
            _ = when is None or milliseconds(when)
        except ValueError:
            raise Unactionable("a time is no instant in UTC") from None


_NEEDS: Final[dict[What, tuple[str, ...]]] = {
    "acknowledge": ("incident",),
    "assign": ("incident", "assignee"),
    "silence": ("silence", "matching", "until", "reason"),
    "unsilence": ("silence",),
    "resolve": ("incident",),
    "false_positive": ("incident", "until", "reason"),
}
_WORDS: Final = {
    "matching": "a rule, an agent, an issuer or a root",
    "until": "an end",
    "reason": "a reason",
    "assignee": "a name to assign it to",
    "incident": "an incident",
    "silence": "a silence",
}


def _clean(text: str | None) -> str | None:
    if text is None:
        return None
    return plain(" ".join(text.split()))[:MAX_TEXT] or None


def _cleaned(matching: Matching) -> Matching:
    return Matching(
        rule=_name(matching.rule),
        agent=_name(matching.agent),
        issuer=_name(matching.issuer),
        root=_name(matching.root),
    )


def _name(text: str | None) -> str | None:
    """A name is compared with what spans say, so it is bounded and otherwise as it was given."""
    return text[:MAX_TEXT] if text else None
