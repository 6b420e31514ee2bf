"""The policy file: what may stand in it, key by key, and its JSON Schema for editors.

`grantline.model.policy.Policy` is what rules read: a fast value without a source. This is what
people write: each wrong word is refused with what was most likely meant.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Annotated, Any, Final, Literal, TypeAlias

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field

from grantline.dialects import issuer_key
from grantline.dialects.known import BY_NAME
from grantline.model.policy import Policy
from grantline.model.policy_parts import Crossing, Exemption, IssuerPolicy
from grantline.settings.docs import words_of
from grantline.spelling import nearest

SCHEMA_ID: Final = "https://grantline.dev/schemas/policy.v1.schema.json"
_OWN = Policy()


def _dialect(name: str) -> str:
    if name not in BY_NAME:
        meant = nearest(name, BY_NAME)
        hint = f"did you mean {meant}?" if meant else f"there are {', '.join(sorted(BY_NAME))}"
        raise ValueError(f"is no dialect; {hint}")
    return name


def _day(text: str) -> str:
    try:
        date.fromisoformat(text)
    except ValueError:
        raise ValueError("should be a day, such as 2027-01-31") from None
    return text


def _level(name: str) -> str:
    if ":/" in name and any(part in (".", "..") for part in name.split("/")):
        raise ValueError("has a path that climbs: write the path that is meant")
    return name


def _known_once(issuers: Mapping[str, Issuer]) -> Mapping[str, Issuer]:
    """No issuer may be told twice, by whichever names."""
    names: dict[str, str] = {}
    for issuer, said in issuers.items():
        for name in (issuer, *said.aliases):
            key = issuer_key(name)
            if names.setdefault(key, issuer) != issuer:
                raise ValueError(f"{name} is told of twice: in {names[key]} and in {issuer}")
    return issuers


Text: TypeAlias = Annotated[str, Field(min_length=1, max_length=1024)]
Scope: TypeAlias = Annotated[Text, AfterValidator(_level)]
Day: TypeAlias = Annotated[
    str,
    Field(pattern=r"^[0-9]{4}-[0-9]{2}-[0-9]{2}$"),
    BeforeValidator(lambda said: said.isoformat() if isinstance(said, date) else said),
    AfterValidator(_day),
]
"""In quotes or as TOML's own date."""
Scopes: TypeAlias = dict[Scope, list[Scope]]
Seconds: TypeAlias = Annotated[int, Field(ge=0, le=86_400)]
Tier: TypeAlias = Literal["low", "medium", "high", "critical"]


class _Part(BaseModel):
    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class Issuer(_Part):
    """What holds at one issuer; what is not said is as its dialect has it."""

    aliases: list[Text] = []
    dialect: Annotated[str, AfterValidator(_dialect)] | None = None
    scope_domain: Literal["issuer", "resource"] | None = None
    ignored_scopes: list[Scope] | None = None
    implied_scopes: Scopes = {}
    cascade: bool | None = None
    leeway_seconds: Seconds | None = None


class CrossingEntry(_Part):
    """What the scopes of one domain allow in another."""

    from_issuer: Text | None = None
    from_audience: Text | None = None
    to_issuer: Text | None = None
    to_audience: Text | None = None
    allows: Scopes


class ExemptionEntry(_Part):
    """A finding that is expected: somebody answers for it, until a day."""

    reference: Text
    until: Day
    owner: Text
    reason: Text
    actor: Text | None = None


class PolicyFile(_Part):
    """What an organisation says of itself: thresholds, names and agreements. Nothing is required."""

    leeway_seconds: Seconds = _OWN.leeway_seconds
    parent_grace_seconds: Annotated[float, Field(ge=0, le=86_400)] = _OWN.parent_grace_seconds
    witness_seconds: Annotated[float, Field(ge=0, le=3_600)] = _OWN.witness_seconds
    max_depth: Annotated[int, Field(ge=0, le=10_000)] = _OWN.max_depth
    max_fan_out: Annotated[int, Field(ge=16, le=1_000_000)] | None = None
    max_lifetime_seconds: Annotated[int, Field(ge=1, le=315_360_000)] | None = None
    end_grace_seconds: Seconds = _OWN.end_grace_seconds
    cleanup_actions: list[Text] = []
    lateness_seconds: Annotated[float, Field(ge=1, le=315_360_000)] = _OWN.lateness_seconds
    ignored_scopes: list[Scope] = sorted(_OWN.ignored_scopes)
    implied_scopes: Scopes = {}
    issuers: Annotated[dict[Text, Issuer], AfterValidator(_known_once)] = {}
    crossings: list[CrossingEntry] = []
    principal_aliases: dict[Text, Text] = {}
    presenter_aliases: dict[Text, Text] = {}
    proxies: list[Text] = []
    gateways: list[Text] = []
    audience_aliases: dict[Text, list[Text]] = {}
    action_tiers: dict[Text, Tier] = {}
    required_scopes: Scopes = {}
    task_tools: dict[Text, list[Text]] = {}
    allowances: dict[Text, Seconds] = {}
    exemptions: list[ExemptionEntry] = []


_STRUCTS: Final[tuple[tuple[str, type], ...]] = (
    ("PolicyFile", Policy),
    ("Issuer", IssuerPolicy),
    ("CrossingEntry", Crossing),
    ("ExemptionEntry", Exemption),
)
_WORDS: Final = {"gateways": "The same as proxies; both are taken together."}


def schema() -> dict[str, Any]:
    """The JSON Schema of the file, with the words that `grantline settings` shows."""
    made = PolicyFile.model_json_schema()
    parts = {"PolicyFile": made, **made.get("$defs", {})}
    for name, struct in _STRUCTS:
        words = _WORDS | words_of(struct)
        for field, about in parts[name]["properties"].items():
            about.pop("title", None)
            if field in words:
                about["description"] = words[field]
    return {
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": SCHEMA_ID,
        **made,
        "title": "Grantline policy",
    }


_TABLES: Final[dict[str, type[BaseModel]]] = {
    "issuers": Issuer,
    "crossings": CrossingEntry,
    "exemptions": ExemptionEntry,
}


def keys_at(place: Iterable[str | int]) -> tuple[str, ...]:
    """The keys that may stand in the table at `place` of the file."""
    kind: type[BaseModel] = PolicyFile
    for part in place:
        kind = _TABLES.get(str(part), kind)
        break
    return tuple(kind.model_fields)
