"""Slack as a destination: one message an episode, edited as it goes on, with its news in the thread.

Source: Slack's Web API (`chat.postMessage`, `chat.update`) and Block Kit's limits (docs.slack.dev). Slack
answers 200 whatever happens; `ok` and `error` of the answer tell. It drops no copies: a process killed
after Slack took a message and before that is recorded posts it again, with the same message id in it.
"""

from __future__ import annotations

import json
from typing import Any, Final, Protocol

from grantline.model.page import BEGINS, Page
from grantline.notify.lines import lines
from grantline.notify.posting import DEFAULT_TIMEOUT_SECONDS, Poster
from grantline.notify.printable import printable
from grantline.ports import Refused, Retry

URL: Final = "https://slack.com/api"
_MEND: Final = frozenset({
    *("invalid_auth", "not_authed", "account_inactive", "token_revoked", "token_expired"),
    *("missing_scope", "channel_not_found", "not_in_channel", "is_archived", "no_permission"),
    *("restricted_action", "org_login_required", "ekm_access_denied", "team_access_not_granted"),
})  # fmt: skip
"""Errors of the key, the channel or the rights: an outage until somebody mends it."""
_THE_ALERT: Final = frozenset({"msg_too_long", "invalid_blocks", "no_text", "invalid_arguments"})
_GONE: Final = frozenset({"message_not_found", "cant_update_message", "edit_window_closed"})
_HEADER, _SECTION, _TEXT = 150, 2_800, 3_500
_SHOWN: Final = ("goes on", "chain", "let in", "actors", "revoked", "issuer", "jti", "end it", "reach",
                 "seen", "do", "confidence", "runbook")  # fmt: skip
_COLOURS: Final = {"info": "⚪", "low": "🔵", "medium": "🟡", "high": "🔴", "critical": "🚨"}


class Memory(Protocol):
    """What a destination has to remember of an incident, kept through restarts."""

    def recall(self, destination: str, key: str) -> str | None: ...

    def remember(self, destination: str, key: str, value: str) -> None: ...


class SlackNotifier:
    """Posts to one channel as one bot, whose token it never shows."""

    def __init__(
        self,
        token: str,
        channel: str,
        *,
        name: str = "slack",
        url: str = URL,
        timeout_seconds: float = DEFAULT_TIMEOUT_SECONDS,
    ) -> None:
        """`channel` by its id. Raises `ValueError` for what cannot be used."""
        if not (token.isascii() and token.isprintable() and token and " " not in token):
            raise ValueError("GRANTLINE_SLACK_TOKEN must be a bot's token (xoxb-...)")
        self.name = name
        self.memory: Memory | None = None
        """Set by the process, before the first page."""
        self._channel = channel
        self._headers = {
            "Authorization": f"Bearer {token}",
            "Content-Type": "application/json; charset=utf-8",
        }
        self._posters = {
            method: Poster(
                f"{url.rstrip('/')}/{method}",
                address="GRANTLINE_SLACK_URL",
                who="check GRANTLINE_SLACK_TOKEN",
                timeout_seconds=timeout_seconds,
            )
            for method in ("chat.postMessage", "chat.update")
        }

    def __repr__(self) -> str:
        return f"SlackNotifier({self.name!r}, {self._channel!r})"

    def notify(self, page: Page) -> None:
        stamp = self.memory.recall(self.name, page.key) if self.memory is not None else None
        if stamp is None:
            self._begin(page)
            return
        edited = self._call("chat.update", {"ts": stamp, **_message(page)}, gone=True)
        if edited is None:
            self._begin(page)  # somebody deleted it
        elif page.event not in BEGINS:
            self._call(
                "chat.postMessage",
                {
                    "thread_ts": stamp,
                    "reply_broadcast": page.event == "escalated",
                    "text": _escaped(f"{page.event}: {page.going_on or page.claim}", _TEXT),
                },
            )

    def _begin(self, page: Page) -> None:
        answer = self._call("chat.postMessage", _message(page)) or {}
        stamp = answer.get("ts")
        if self.memory is not None and isinstance(stamp, str):
            self.memory.remember(self.name, page.key, stamp)

    def _call(
        self, method: str, arguments: dict[str, Any], *, gone: bool = False
    ) -> dict[str, Any] | None:
        """The answer; None where the message to edit is `gone`."""
        body = json.dumps({"channel": self._channel, **arguments}).encode("ascii")
        raw = self._posters[method].ask(body, self._headers)
        try:
            answer = json.loads(raw)
            taken, error = answer["ok"] is True, str(answer.get("error", ""))
        except (ValueError, TypeError, KeyError, AttributeError):
            raise Retry(f"Slack's {method} gave no answer that can be read") from None
        if taken:
            return dict(answer)
        if gone and error in _GONE:
            return None
        said = f"Slack's {method} answered {printable(error, limit=100)}"
        if error in _THE_ALERT:
            raise Refused(said)
        if error in _MEND:
            cure = "check GRANTLINE_SLACK_TOKEN, GRANTLINE_SLACK_CHANNEL and the bot's rights"
            raise Retry(f"{said}: {cure}", mend=True)
        raise Retry(said)


def _message(page: Page) -> dict[str, Any]:
    """Text for notifications, and the same as blocks."""
    mark = _COLOURS[page.severity] if not page.over else "✅"
    state = page.severity if page.event in BEGINS else f"{page.event}, {page.severity}"
    head = printable(f"{mark} {state}: {page.title} ({page.reference})", limit=_HEADER)[:_HEADER]
    told: dict[str, str] = {}
    for label, words in lines(page):
        told[label] = f"{told[label]}; {words}" if label in told else words
    shown = "\n".join(
        f"*{label}* {_escaped(told[label], 600)}" for label in _SHOWN if label in told
    )
    foot = f"as of {page.as_of} · incident {page.id} · message {page.dedup_key} · rule {page.rule}"
    blocks: list[dict[str, Any]] = [
        {"type": "header", "text": {"type": "plain_text", "text": head}},
        _section(_escaped(page.claim, _SECTION)),
        *[_section(part) for part in _parts(shown)],
        *[_section(f"```{_escaped(query, 600)}```") for query in page.sql],
        {"type": "context", "elements": [{"type": "mrkdwn", "text": _escaped(foot, 1_000)}]},
    ]
    return {"text": _escaped(f"{head}: {page.claim}", _TEXT), "blocks": blocks}


def _section(text: str) -> dict[str, Any]:
    return {"type": "section", "text": {"type": "mrkdwn", "text": text or " "}}


def _parts(text: str) -> list[str]:
    """Whole lines, as many as a section may hold."""
    parts = [""]
    for line in text.splitlines():
        if len(parts[-1]) + len(line) >= _SECTION:
            parts.append("")
        parts[-1] += line + "\n"
    return [part for part in parts if part]


def _escaped(text: str, limit: int) -> str:
    """Nothing of it is a mention, a link or a mark of Slack's."""
    clean = printable(text, limit=limit // 2).replace("&", "&amp;")
    return clean.replace("<", "&lt;").replace(">", "&gt;").replace("```", "'''")[:limit]
