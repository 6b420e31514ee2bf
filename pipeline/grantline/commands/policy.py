"""`grantline policy`: check a policy file, or propose one from spans or issuers' logs."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from grantline.commands import Failed
from grantline.commands.proposal import Seen, proposed
from grantline.commands.replay import OTLP, reader
from grantline.model.plain import plain
from grantline.model.policy import Policy, digest
from grantline.replay import Read
from grantline.rules import every
from grantline.rules.exemptions import ends
from grantline.settings import BadSettings, Settings
from grantline.settings.policy_file import Unusable, load, parse
from grantline.sources import below
from grantline.spelling import nearest


def run(settings: Settings, options: Mapping[str, Any]) -> int:
    """Raises `BadSettings` for a file that cannot be used, `Failed` for one that cannot be read."""
    if options["doing"] == "check":
        return _check(options["file"])
    name = options.get("format", OTLP)
    read_from = reader(settings, name, options.get("issuer"))
    files = options["files"]
    return _init(files if name == OTLP else below(files)[0], read_from, name)


def _check(path: Path) -> int:
    try:
        policy = parse(load(path))
    except Unusable as why:
        lines = "\n".join(f"  {plain(str(each))}" for each in why.problems)
        raise BadSettings(f"{path} cannot be used:\n{lines}") from None
    for warning in _warnings(policy):
        print(f"warning: {plain(warning)}")
    print(f"{path}: can be used, {_told(policy)}; findings will bear {digest(policy)}")
    return 0


def _told(policy: Policy) -> str:
    counts = {
        "issuer": len(policy.issuers), "crossing": len(policy.crossings),
        "gateway": len(policy.proxies), "exemption": len(policy.exemptions),
    }  # fmt: skip
    told = [f"{n} {what}{'' if n == 1 else 's'}" for what, n in counts.items() if n]
    return ", ".join(told) or "thresholds only"


def _warnings(policy: Policy) -> Iterator[str]:
    """What can be used, and does most likely not what is meant."""
    names = {name for rule in every() for name in (rule.id, *rule.references)}
    now = datetime.now(UTC)
    for entry in policy.exemptions:
        if entry.reference not in names:
            meant = nearest(entry.reference, names)
            hint = f"; did you mean {meant}?" if meant else ": see `grantline rules`"
            yield f"no rule is called {entry.reference}, so nothing is exempt{hint}"
        if ends(entry) <= now.timestamp() * 1e9:
            yield f"the exemption of {entry.reference} ended on {entry.until}: {entry.owner} should renew it or take it out"
    for table in (policy.principal_aliases, policy.presenter_aliases):
        for name, to in table.items():
            if table.get(to, to) != to:
                yield f"{name} is to be judged as {to}, but {to} as {table[to]}: only one step is taken"


def _init(paths: list[Path], read_from: Read, name: str) -> int:
    seen = Seen()
    silent: list[Path] = []
    for path in paths:
        if path.is_dir():
            raise Failed(f"{path} is a directory: name the files in it, such as {path / '*.jsonl'}")
        told = False
        try:
            for _, decoded in read_from(path):
                seen.add(decoded.hops)
                told = told or bool(decoded.hops)
        except OSError as why:
            raise Failed(f"{path}: {why.strerror}") from None
        if not told:
            silent.append(path)
    if not seen.hops:
        raise Failed(
            "no span in these files tells of a delegation: there is nothing to propose from (OTLP "
            "files are read; name the log of an issuer with --format)"
            if name == OTLP
            else f"no record in these files tells of a delegation, read as {name}: there is nothing "
            "to propose from (is it the log that --format names?)"
        )
    for path in silent:
        print(f"warning: {plain(str(path))} tells of no delegation", file=sys.stderr)
    print(proposed(seen), end="")
    return 0
