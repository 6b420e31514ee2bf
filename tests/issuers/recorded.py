"""Recordings: what a real issuer said, so that its flows can be run again without it.

A recording holds no credential: of a token its header and claims, from which a visibly fake one
is made again, of an opaque one a number. What the parties tell is told anew at each run, by the
emitting library as it is then.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Final

from grantline.emit.testing import fake_token
from tests.issuers.answers import Answer, claims, header

FOLDER: Final = Path(__file__).parent / "recorded"
ASKED: Final = frozenset(
    {"login", "exchange", "refresh", "introspect", "revoke", "logout", "assume_role", "who"}
)
"""What is asked of an issuer, and so recorded."""
_TOKENS: Final = ("access_token", "refresh_token")
_SECRET: Final = ("SessionToken", "SecretAccessKey")
_LEFT_OUT: Final = frozenset(
    {"id_token", "session_state", "not-before-policy", "error_description"}
)


class Book:
    """The recording of one issuer in the making."""

    def __init__(self, name: str) -> None:
        self._path = FOLDER / f"{name}.json"
        self._flows: dict[str, dict[str, Any]] = {}
        self._opaque: dict[str, str] = {}

    def open(self, flow: str, issuer: Any) -> tuple[Any, Callable[[], int]]:
        """The same issuer and clock, watched."""
        page: dict[str, Any] = {"times": [], "answers": []}
        self._flows[flow] = page

        def clock() -> int:
            page["times"].append(now := time.time_ns())
            return now

        return _Watched(issuer, page["answers"], self._stripped), clock

    def logged(self, flow: str, rows: list[dict[str, Any]]) -> None:
        """The issuer's own log of the flow, as it is: it names tokens and holds none."""
        if rows:
            self._flows[flow]["log"] = rows

    def close(self, issuer: Any) -> None:
        written = {
            "issuer": issuer.name,
            "log": getattr(issuer, "log", None),
            "url": issuer.url,
            "can": sorted(issuer.can),
            "clients": {p: issuer.client_id(p) for p in ("app", "planner", "worker", "crm", "rogue")},
        }  # fmt: skip
        FOLDER.mkdir(exist_ok=True)
        # A line a flow: a new recording shows in a diff which of them changed.
        lines = [f"{json.dumps(flow)}: {json.dumps(page)}" for flow, page in self._flows.items()]
        head = json.dumps(written)[:-1]
        text = head + ', "flows": {\n' + ",\n".join(lines) + "\n}}\n"
        self._path.write_text(text, "utf-8")

    def _stripped(self, value: Any) -> Any:
        if isinstance(value, Answer):
            body = {name: (self._token(said) if name in _TOKENS else said)
                    for name, said in value.body.items() if name not in _LEFT_OUT}  # fmt: skip
            return {"status": value.status, "body": body}
        if isinstance(value, Mapping):
            found = {name: said for name, said in value.items() if name != "ResponseMetadata"}
            if isinstance(keys := found.get("Credentials"), Mapping):
                hidden = {name: self._opaque_one(keys[name]) for name in _SECRET}
                found["Credentials"] = {**keys, **hidden}
            return found
        return value

    def _token(self, token: str | None) -> Any:
        if token is None:
            return None
        if said := claims(token):
            return {"header": header(token), "claims": said}
        return self._opaque_one(token)

    def _opaque_one(self, secret: str) -> str:
        return self._opaque.setdefault(secret, f"fake-opaque-token-{len(self._opaque) + 1:04d}")


class _Watched:
    """An issuer whose answers are written down."""

    def __init__(self, issuer: Any, answers: list[Any], strip: Callable[[Any], Any]) -> None:
        self._issuer, self._answers, self._strip = issuer, answers, strip

    def __getattr__(self, name: str) -> Any:
        found = getattr(self._issuer, name)
        if name not in ASKED:
            return found

        def asked(*args: Any, **kwargs: Any) -> Any:
            answer = found(*args, **kwargs)
            self._answers.append(self._strip(answer))
            return answer

        return asked


class Recording:
    """A recorded issuer: it says again what the real one said, in the order of one flow."""

    def __init__(self, path: Path, flow: str) -> None:
        read = json.loads(path.read_text("utf-8"))
        self.name, self.url, self.can = read["issuer"], read["url"], frozenset(read["can"])
        self._clients: dict[str, str] = read["clients"]
        self.log: str | None = read.get("log")
        """The reader of its own log, where it writes one."""
        page = read["flows"][flow]
        self.rows: list[dict[str, Any]] = page.get("log", [])
        self._answers: Iterator[Any] = iter(page["answers"])
        self._times: Iterator[int] = iter(page["times"])

    def clock(self) -> int:
        """When the next thing that is told happened."""
        return next(self._times)

    def client_id(self, party: str) -> str:
        return self._clients.get(party, party)

    def __getattr__(self, name: str) -> Callable[..., Any]:
        if name not in ASKED:
            raise AttributeError(name)

        def answer(*_: Any) -> Any:
            read = next(self._answers)
            if not isinstance(read, dict) or read.keys() != {"status", "body"}:
                return read
            body = {name: (_fake(said) if name in _TOKENS else said)
                    for name, said in read["body"].items()}  # fmt: skip
            return Answer(read["status"], body)

        return answer


def _fake(said: Any) -> Any:
    return fake_token(said["header"], **said["claims"]) if isinstance(said, dict) else said


def recordings() -> Iterator[tuple[Path, str]]:
    """Every recorded flow: its file and its name."""
    for path in sorted(FOLDER.glob("*.json")):
        for flow in json.loads(path.read_text("utf-8"))["flows"]:
            yield path, flow
