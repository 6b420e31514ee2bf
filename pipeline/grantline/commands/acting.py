"""`grantline incident ID --acknowledge` and its like, and `grantline silence`: what a person does.

Each is a record of `delegation.actions`; the alert process takes it. Until then it is "recorded".
"""

from __future__ import annotations

import getpass
import os
import re
from collections.abc import Mapping
from contextlib import closing
from datetime import UTC, datetime, timedelta
from typing import Any, Final

from grantline.commands import Failed
from grantline.commands.ask import lineage_at
from grantline.commands.incidents import found
from grantline.model.action import Action, Matching, Unactionable, What, action
from grantline.notify.acting import NotRecorded, record, token
from grantline.settings import Settings
from grantline.store import tables
from grantline.store.client import QueryFailed
from grantline.store.quack import LiveSqlMissing

_LASTS: Final = re.compile(r"(\d{1,5})\s*(m|min|h|d)", re.ASCII)
_UNITS: Final = {"m": "minutes", "min": "minutes", "h": "hours", "d": "days"}
_WHOLE: Final = re.compile(r"inc_[0-9a-f]{32}", re.ASCII)
_SILENCES: Final = """
SELECT id, CASE WHEN active THEN 'active' WHEN state = 'taken' THEN 'over' ELSE state END AS state,
    owner, reason, rule, agent, issuer, root_id AS root, until, why
FROM silences WHERE {condition} ORDER BY until DESC"""
DOINGS: Final[tuple[What, ...]] = ("acknowledge", "assign", "resolve", "false_positive")


def incident(settings: Settings, options: Mapping[str, Any]) -> int:
    """Does what the options say about one incident. Raises `Failed`."""
    what: What = next(name for name in DOINGS if options[name])
    id_ = options["incident"]
    if not _WHOLE.fullmatch(id_):
        # Kept whole by the store; an alert process without a writer takes the whole id alone.
        with closing(_lineage(settings, options["at"])) as lineage:
            id_ = found(lineage, id_)["id"]
    made = _made(
        options,
        what,
        incident=id_,
        assignee=options["assign"] or None,
        until=_end(options["for"]),
    )
    return _recorded(settings, made, f"{what.replace('_', ' ')} of {id_}")


def silence(settings: Settings, options: Mapping[str, Any]) -> int:
    """Makes, ends or lists silences. Raises `Failed`."""
    if options["list"]:
        with closing(_lineage(settings, options["at"])) as lineage:
            condition = "true" if options["all"] else "active OR state = 'recorded'"
            answer = lineage.ask(_SILENCES.format(condition=condition))
        print(tables.table(answer.columns, answer.rows, tables.screen_width()))
        return 0
    if options["end"]:
        made = _made(options, "unsilence", silence=options["end"])
        return _recorded(settings, made, f"the end of {options['end']}")
    named = {name: options[name] for name in ("rule", "agent", "issuer", "root")}
    made = _made(options, "silence", matching=Matching(**named), until=_end(options["for"]))
    return _recorded(settings, made, f"silence {made.silence} until {made.until}")


def _made(options: Mapping[str, Any], what: What, **about: Any) -> Action:
    try:
        return action(
            what, token=token(), who=options["who"] or who(), via="command line",
            now=datetime.now(UTC), reason=options["reason"], **about,
        )  # fmt: skip
    except Unactionable as why:
        raise Failed(f"{why}{_HINTS.get(what, '')}") from None


_HINTS: Final[dict[What, str]] = {
    "silence": " (--rule, --agent, --issuer, --root; --for 4h; --reason TEXT)",
    "false_positive": " (--for 30d; --reason TEXT)",
}


def _recorded(settings: Settings, made: Action, what: str) -> int:
    topic = f"{settings.topic_prefix}actions"
    try:
        record(made, bootstrap=settings.bootstrap, topic=topic, kafka=settings.kafka)
    except NotRecorded as why:
        raise Failed(str(why)) from None
    print(f"recorded: {what} ({made.id}); the alert process takes it")
    return 0


def _lineage(settings: Settings, at: str | None) -> Any:
    try:
        return lineage_at(settings, at)
    except (QueryFailed, LiveSqlMissing, ValueError) as why:
        raise Failed(str(why)) from None


def _end(lasts: str | None) -> datetime | None:
    """Now and `lasts`, such as `30m`, `4h` or `7d`; or the instant itself."""
    if lasts is None:
        return None
    now = datetime.now(UTC)
    if (given := _LASTS.fullmatch(lasts)) is not None:
        return now + timedelta(**{_UNITS[given[2]]: int(given[1])})
    try:
        until = datetime.fromisoformat(lasts)
    except ValueError:
        until = None
    if until is None or until.tzinfo is None:
        raise Failed("--for takes 30m, 4h, 7d, or an instant such as 2026-12-24T18:00:00Z")
    return until


def who() -> str:
    """The user's name on this machine."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid {os.getuid()}"
