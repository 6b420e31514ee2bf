"""The models behave as the issuers were seen to: the same flows, the same answers."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Final

import pytest

from tests.issuers import recorded
from tests.issuers.flows_oauth import FLOWS
from tests.issuers.lab import Lab
from tests.issuers.parties import VIEWS, Parties
from tests.issuers.session import rerun
from tests.truth.models.authgent import Authgent
from tests.truth.models.base import Model
from tests.truth.models.keycloak import Keycloak

MODELS: Final[dict[str, type[Model]]] = {"keycloak": Keycloak, "authgent": Authgent}
_SEEN: Final = [(path, flow) for path, flow in recorded.recordings() if path.stem in MODELS]
_START: Final = 1_796_000_000


@pytest.mark.parametrize(
    "path, flow", [pytest.param(*seen, id=f"{seen[0].stem}: {seen[1]}") for seen in _SEEN]
)
def test_a_model_answers_as_its_issuer_did(path: Path, flow: str) -> None:
    seen = rerun(path, flow)
    lab, due = _modelled(MODELS[path.stem], flow)
    assert lab.did == list(seen.did)
    assert {view: due[view] for view in VIEWS} == {view: seen.verdicts[view].due for view in VIEWS}


@pytest.mark.parametrize("name", MODELS)
def test_a_model_writes_the_claims_that_tell_of_delegation(name: str) -> None:
    flow = "a chain of two exchanges"
    answers = _answers(name, flow)
    lab, _ = _modelled(MODELS[name], flow)
    issuer: Model = lab.issuer
    made = [issued.claims for issued in issuer.issued.values()]
    assert len(made) == len(answers)
    telling = {"act", "azp", "client_id", "sid", "jti", "scope", "realm_access", "aud"}
    for real, own in zip(answers, made, strict=True):
        assert real.keys() & telling == own.keys() & telling
        assert _depth(real) == _depth(own)
        assert _scopes(real) == _scopes(own)


def _modelled(model: type[Model], name: str) -> tuple[Any, dict[str, set[str]]]:
    now = _START * 1_000_000_000

    def clock() -> int:
        nonlocal now
        now += 50_000_000
        return now

    flow = next(flow for flow in FLOWS if flow.name == name)
    with Parties(clock) as parties:
        lab = Lab(model("fit", lambda: now // 1_000_000_000), parties)
        for _ in flow.run(lab):
            now += 63 * 1_000_000_000
        return lab, lab.due_found.must


def _answers(name: str, flow: str) -> list[dict[str, Any]]:
    read = json.loads((recorded.FOLDER / f"{name}.json").read_text("utf-8"))
    bodies = [a["body"] for a in read["flows"][flow]["answers"] if "body" in a]
    return [body["access_token"]["claims"] for body in bodies if "access_token" in body]


def _depth(claims: dict[str, Any]) -> int:
    depth, act = 0, claims.get("act")
    while act:
        depth, act = depth + 1, act.get("act")
    return depth


def _scopes(claims: dict[str, Any]) -> set[str]:
    return set(claims["scope"].split())
