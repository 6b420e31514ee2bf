"""All flows of one issuer, side by side: they wait together for the leeway to go by."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import requests

from grantline.model.policy import Policy
from tests.issuers import flows_sts, recorded
from tests.issuers.flow import Flow, Steps
from tests.issuers.flows_oauth import FLOWS
from tests.issuers.lab import POLICY
from tests.issuers.own_log import OwnLog, hops
from tests.issuers.parties import LOG_VIEWS, Parties
from tests.issuers.verdict import Verdict, judge

MORE_THAN_LEEWAY = POLICY.leeway_seconds + 3.0


@dataclass(frozen=True)
class Told:
    """One flow, and what came of it."""

    name: str
    did: tuple[str, ...]
    verdicts: dict[str, Verdict]
    broken: str | None = None
    """Why the flow could not be driven to its end: the issuer did what no honest one does."""

    @property
    def right(self) -> bool:
        return self.broken is None and all(verdict.right for verdict in self.verdicts.values())


def run(
    issuer: Any,
    *,
    record: str | None = None,
    wait: Callable[[float], None] = time.sleep,
) -> Iterator[Told]:
    """Drives every flow that the issuer has the means for; with `record`, keeps what it said."""
    book = recorded.Book(record) if record else None
    with ExitStack() as stack:
        begun = []
        log = OwnLog(issuer)
        for flow in flows_of(issuer):
            asked, clock = book.open(flow.name, issuer) if book else (issuer, time.time_ns)
            parties = stack.enter_context(Parties(clock))
            lab = flow.lab(asked, parties)
            begun.append((flow, lab, flow.run(lab)))
        broken, rows = {}, {}
        for flow, _, steps in begun:
            broken[flow.name] = _step(steps)
            rows[flow.name] = log.new()  # flows take turns: what is new is of the last one
        wait(MORE_THAN_LEEWAY)
        for flow, lab, steps in begun:
            why = broken[flow.name] or _step(steps)
            rows[flow.name] += log.new()
            if book:
                book.logged(flow.name, rows[flow.name])
            if log.reader:
                lab.parties.logged = hops(log.reader, rows[flow.name], issuer.url)
            views = views_of(flow, issuer)
            verdicts = judge(lab.parties, lab.due_found, views, policy_of(issuer))
            yield Told(flow.name, tuple(lab.did), verdicts, why)
    if book:
        book.close(issuer)


def rerun(path: Path, name: str) -> Told:
    """A recorded flow, driven again on what the issuer said then and when it said it."""
    recording = recorded.Recording(path, name)
    listed = {flow.name: flow for flow in (*FLOWS, *flows_sts.FLOWS)}
    with Parties(recording.clock) as parties:
        flow = listed[name]
        lab = flow.lab(recording, parties)
        for _ in flow.run(lab):
            pass
        if recording.log:
            parties.logged = hops(recording.log, recording.rows, recording.url)
        views = views_of(flow, recording)
        verdicts = judge(parties, lab.due_found, views, policy_of(recording))
        return Told(name, tuple(lab.did), verdicts)


def views_of(flow: Flow, issuer: Any) -> tuple[str, ...]:
    """The views of a flow, with those of the issuer's own log where it writes one that we read."""
    return (*flow.views, *(LOG_VIEWS if getattr(issuer, "log", None) else ()))


def _step(steps: Steps) -> str | None:
    """Runs a flow to where it waits, or to its end; what stopped it, if something did."""
    try:
        next(steps, None)
    except (AssertionError, requests.RequestException) as error:
        return f"{type(error).__name__}: {error}"
    return None


def policy_of(issuer: Any) -> Policy:
    """What the organisation said of its audiences: nothing where they name no resource."""
    return POLICY if "audience" in issuer.can else Policy()


def flows_of(issuer: Any) -> list[Flow]:
    """The flows that the issuer offers everything for."""
    own: list[Flow] | None = getattr(issuer, "flows", None)
    return [flow for flow in own or FLOWS if flow.needs <= issuer.can]
