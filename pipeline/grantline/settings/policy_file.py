"""The policy: a TOML file. Each line of it that cannot work is told, with its number and a cure."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from pydantic import ValidationError

from grantline.model.policy import Policy
from grantline.settings.bad import BadSettings
from grantline.settings.policy_model import PolicyFile, keys_at
from grantline.settings.toml_lines import Place, line_of, lines
from grantline.spelling import nearest

MAX_BYTES: Final = 4 << 20
_SHOWN: Final = 80
"""Characters of a wrong value that are repeated to the person who wrote it."""
_AT_LINE = re.compile(r"\s*\(at (?:line (\d+), column \d+|end of document)\)")


class Problem(NamedTuple):
    """One thing that is wrong with the file."""

    line: int | None
    what: str

    def __str__(self) -> str:
        return self.what if self.line is None else f"line {self.line}: {self.what}"


class Unusable(ValueError):
    """The file cannot be used; `problems` are all of the reasons, by line."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = sorted(problems, key=lambda each: (each.line or 0, each.what))
        super().__init__("; ".join(map(str, self.problems)))


def read_policy(path: Path) -> Policy:
    """What the file says, and the defaults for the rest. Raises `BadSettings`."""
    try:
        return parse(load(path))
    except Unusable as why:
        raise BadSettings(f"GRANTLINE_POLICY: {path}: {why}") from None


def load(path: Path) -> str:
    """The text of the file. Raises `Unusable`."""
    try:
        with path.open("rb") as file:
            data = file.read(MAX_BYTES + 1)
    except OSError as why:
        raise Unusable([Problem(None, f"{why.strerror}: it should be a TOML file")]) from None
    if len(data) > MAX_BYTES:
        raise Unusable([Problem(None, f"it has more than {MAX_BYTES >> 20} MiB")])
    try:
        return data.decode("utf-8-sig")
    except UnicodeDecodeError as why:
        line = data.count(b"\n", 0, why.start) + 1
        raise Unusable([Problem(line, "this is no TOML: it is not UTF-8")]) from None


def parse(text: str) -> Policy:
    """The policy that a file's text says. Raises `Unusable`."""
    try:
        table = tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as why:
        said = str(why) if isinstance(why, tomllib.TOMLDecodeError) else "nested too deeply"
        at = _AT_LINE.search(said)
        line = int(at[1] or text.count("\n", 0, -1) + 1) if at else None
        raise Unusable([Problem(line, f"this is no TOML: {_AT_LINE.sub('', said)}")]) from None
    try:
        file = PolicyFile.model_validate(table)
    except ValidationError as why:
        known = lines(text)
        errors = why.errors(include_url=False, include_context=False)
        raise Unusable(_problem(error, known) for error in errors) from None
    return policy_of(file)


def policy_of(file: PolicyFile) -> Policy:
    """The value that rules read."""
    said: dict[str, Any] = file.model_dump()
    said["proxies"] = [*said["proxies"], *said.pop("gateways")]
    return msgspec.convert(said, Policy)


def _problem(error: Mapping[str, Any], known: Mapping[Place, int]) -> Problem:
    place: Place = tuple(part for part in error["loc"] if part != "[key]")
    return Problem(line_of(place, dict(known)), _what(error, place))


def _what(error: Mapping[str, Any], place: Place) -> str:
    *above, last = place
    name = _dotted(place)
    match error["type"]:
        case "extra_forbidden":
            there = keys_at(above)
            meant = nearest(str(last), there)
            hint = f"did you mean {meant}?" if meant else f"there are {', '.join(there)}"
            within = f" in {_dotted(tuple(above))}" if above else ""
            return f"no key {str(last)!r}{within}; {hint}"
        case "missing":
            return f"{_dotted(tuple(above))}: {last} is missing"
        case "literal_error":
            choices = str(error["msg"]).removeprefix("Input ")
            words = re.findall(r"'([^']*)'", choices)
            meant = nearest(str(error["input"]), words)
            hint = f"; did you mean {meant}?" if meant else ""
            return f"{name}: {_shown(error['input'])} {choices}{hint}"
    what = str(error["msg"]).removeprefix("Value error, ").removeprefix("Input ")
    what = what.removeprefix("String ")
    value = error["input"]
    if isinstance(value, dict | list):
        return f"{name}: {what}"
    return f"{name}: {_shown(value)} {what}"


def _dotted(place: Place) -> str:
    """As it would be written in the file, and a list's entries from 1 on."""
    text = ""
    for part in place:
        if isinstance(part, int):
            text += f"[{part + 1}]"
        else:
            plain = re.fullmatch(r"[A-Za-z0-9_-]+", part)
            text += ("." if text else "") + (part if plain else msgspec.json.encode(part).decode())
    return text


def _shown(value: object) -> str:
    return repr(value)[:_SHOWN]
