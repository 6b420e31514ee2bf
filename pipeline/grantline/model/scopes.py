"""Which names of authority include which: within one scope domain, from the names alone.

A name is taken as it is written, letter case and all (RFC 6749 section 3.3). What a name includes:

- itself;
- what the issuer or the policy says that it implies, step by step;
- with a path, `name:/path`, the same name at and below that path, by whole segments (WLCG profile,
  SciTokens); the name without a path is the name at `/`. A path that could climb (`..`) is compared
  as it is written;
- as a wildcard, `*` or `files:*`, every name that begins so. `*` alone means scopes and
  permissions; it makes nobody a role's holder;
- as a permission, the scope of that name, and the other way round: role-based access control says
  the same thing twice (Auth0);
- of Google's URLs, those that go on after a dot: `.../auth/drive` includes
  `.../auth/drive.readonly`; and those of Google Cloud are within `cloud-platform`.

A name with commas that nobody holds as a whole is its parts: some answers separate by commas what
should be separated by spaces (GitHub, Slack), and not every reporter knows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from functools import lru_cache
from typing import Final

from grantline.dialects import scope_kind

Implied = Mapping[str, frozenset[str]]
"""A name -> the names that it includes."""
NOTHING: Final[Implied] = {}

_GOOGLE: Final = "https://www.googleapis.com/auth/"
_GMAIL: Final = "https://mail.google.com/"
# developers.google.com/identity/protocols/oauth2/scopes: what the APIs of Google Cloud take beside
# `cloud-platform`, which is all of them.
_CLOUD: Final = frozenset({
    "bigquery", "bigtable", "cloud-bigtable", "cloud-language", "cloud-platform",
    "cloud-translation", "cloud-vision", "cloudkms", "cloudruntimeconfig", "compute", "datastore",
    "devstorage", "dialogflow", "logging", "monitoring", "ndev", "pubsub", "service",
    "servicecontrol", "source", "spanner", "sqlservice", "trace",
})  # fmt: skip
_STORAGE: Final = tuple(
    f"{_GOOGLE}devstorage.{level}" for level in ("full_control", "read_write", "read_only")
)
_PERMISSION: Final = "permission:"
_EVERYTHING: Final = frozenset({"*", "*:*", "*/*", "*.*"})
_IAM_ACTION: Final = re.compile(r"[a-z0-9-]+:[A-Z][A-Za-z0-9]*")
"""As in `s3:Get*`: IAM's wildcards end within a word."""
_MAX_SEGMENTS: Final = 32
_ENDS_A_WORD: Final = ":./-_|"
_WORDS_FOR_ALL: Final = frozenset({"scope", "permission"})


def gains(
    wanted: Iterable[str], held: Iterable[str], implied: Implied = NOTHING
) -> tuple[str, ...]:
    """The names of `wanted` that nothing of `held` includes, sorted."""
    has = frozenset(held)
    missing = [name for name in wanted if name not in has]
    if not missing:
        return ()
    reach = widened(has | {part for name in has for part in _parts(name)}, implied)
    found: set[str] = set()
    for name in missing:
        if not _included(name, reach):
            found.update(p for p in _parts(name) or (name,) if not _included(p, reach))
    return tuple(sorted(found))


def widened(names: frozenset[str], implied: Implied) -> frozenset[str]:
    """`names` and everything they imply; what a name implies it implies below its path."""
    if not implied:
        return names
    seen: set[str] = set()
    todo = list(names)
    while todo:
        name = todo.pop()
        if name in seen:
            continue
        seen.add(name)
        todo.extend(implied.get(name, ()))
        head, separator, path = name.partition(":/")
        if separator:
            todo.extend(f"{below}:/{path}" for below in implied.get(head, ()))
    return frozenset(seen)


def in_common(one: Iterable[str], other: Iterable[str]) -> bool:
    """Whether two lists share a name, or names that are the same but for their paths."""
    return not _heads(one).isdisjoint(_heads(other))


def _heads(names: Iterable[str]) -> frozenset[str]:
    return frozenset(
        located[0] if (located := _located(part)) is not None else part
        for name in names
        for part in (_parts(name) or (name,))
    )


def _parts(name: str) -> tuple[str, ...]:
    """What commas separate; nothing where there is no comma."""
    return tuple(filter(None, name.split(","))) if "," in name else ()


def _included(name: str, reach: frozenset[str]) -> bool:
    return name in reach or any(broader in reach for broader in _broader(name)) or (
        _by_wildcard(name, reach)
    )  # fmt: skip


def _broader(name: str) -> tuple[str, ...]:
    """The names that include `name` by the way they are written."""
    found = list(_above(name))
    if name.startswith(_GOOGLE):
        found.extend(_google(name))
    kind = scope_kind(name)
    if kind == "permission":
        found.append(name.removeprefix(_PERMISSION))
    elif kind == "scope":
        found.append(_PERMISSION + name)
    return tuple(found)


def _above(name: str) -> Iterator[str]:
    """The same name at every path above, with a slash at the end and without, and at none."""
    located = _located(name)
    if located is None:
        yield f"{name}:/"
        return
    head, segments = located
    yield head
    for count in range(len(segments) + 1):
        at = f"{head}:/{'/'.join(segments[:count])}"
        yield at
        if count:
            yield at + "/"


@lru_cache(maxsize=16_384)
def _located(name: str) -> tuple[str, tuple[str, ...]] | None:
    """Head and segments of `name:/a/b`; None where there is no path, or one that could climb."""
    head, separator, path = name.partition(":/")
    if not separator or not head or path.startswith("/"):  # https:// is no path
        return None
    segments = path.removesuffix("/").split("/") if path.strip("/") else []
    if len(segments) > _MAX_SEGMENTS:
        return None
    if any(segment.lower().replace("%2e", ".") in ("", ".", "..") for segment in segments):
        return None
    # An encoded slash would make one segment of two.
    if "%2f" in path.lower() or "\\" in path or "%5c" in path.lower():
        return None
    return head, tuple(segments)


def _google(name: str) -> Iterator[str]:
    """`drive.readonly` is within `drive`; everything of mail within Gmail's own URL."""
    own = name.removeprefix(_GOOGLE)
    words = own.split(".")
    for count in range(1, len(words)):
        yield _GOOGLE + ".".join(words[:count])
    if words[0] == "gmail":
        yield _GMAIL
    if words[0] in _CLOUD:
        yield _GOOGLE + "cloud-platform"
    if name in _STORAGE:
        yield from _STORAGE[: _STORAGE.index(name)]


def _by_wildcard(name: str, reach: frozenset[str]) -> bool:
    for held in reach:
        if not held.endswith("*"):
            continue
        if held in _EVERYTHING:
            if scope_kind(name) in _WORDS_FOR_ALL:
                return True
            continue
        start = held[:-1]
        if name.startswith(start) and ".." not in name and (
            start[-1] in _ENDS_A_WORD or _IAM_ACTION.fullmatch(start)
        ):  # fmt: skip
            return True
    return False
