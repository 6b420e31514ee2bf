"""Token vaults and brokers: one issuer's token is exchanged for another's, whose scopes it never had.

AgentCore, Auth0's token vault, Keycloak's stored tokens: an agent shows its own token and gets the
one that its person consented to at Google or GitHub. No scope was gained by that.
"""

from __future__ import annotations

import time
from typing import Any

import pytest

from grantline.emit.testing import fake_token
from tests.unit.emit.told import Parties, parties

NOW = int(time.time())
LIFE = {"iat": NOW, "exp": NOW + 86_400}
COGNITO = "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_A"
CALENDAR = "https://www.googleapis.com/auth/calendar"


def login(told: Parties, issuer: str, scope: str = "agent/invoke") -> str:
    token = fake_token(
        {"typ": "JWT"}, iss=issuer, sub="u", client_id="app", aud="api", scope=scope, **LIFE
    )
    told["app"].grant(token, method="authorization_code")
    return token


def above_low(told: Parties) -> list[str]:
    return [said for said in told.said() if not said.startswith(("low", "info"))]


def vault(told: Parties, given: str, scope: str) -> None:
    """A login, the workload's token for it, and what the vault gives for that."""
    token = login(told, COGNITO)
    told["agent"].exchange(lambda: {"workloadAccessToken": "AgV4-workload-1"}, subject_token=token)
    told["agent"].exchange(
        lambda: {"accessToken": given}, subject_token="AgV4-workload-1", scopes=scope
    )
    told["agent"].use("events.list", token=given)


@pytest.mark.parametrize(
    "given, scope",
    [("ya29.calendar-token", CALENDAR), ("gho_agents_token", "repo"), ("opaque-crm-1", "crm.read")],
)
def test_what_a_vault_gives_has_not_exceeded_what_it_was_given_for(given: str, scope: str) -> None:
    with parties() as told:
        vault(told, given, scope)
        assert above_low(told) == []


def test_what_is_made_of_a_vaults_token_is_compared_with_it() -> None:
    with parties() as told:
        vault(told, "ya29.calendar-token", f"{CALENDAR}.readonly")
        told["helper"].exchange(
            lambda: {"access_token": "ya29.wider-token", "scope": CALENDAR},
            subject_token="ya29.calendar-token",
        )
        assert {f.reference for f in told.findings()} >= {"SE-01"}


ISSUERS = [
    "https://acme.eu.auth0.com/",
    "https://kc.example.com/realms/r",
    "https://as.example.com",
]
GIVEN: list[dict[str, Any]] = [
    {"access_token": "ya29.calendar-token", "scope": CALENDAR, "expires_in": 3600},
    {"access_token": "gho_agents_token", "scope": "repo,user", "token_type": "bearer"},
    {"access_token": "xoxp-persons-token", "scope": "chat:write,users:read"},
]


@pytest.mark.parametrize("issuer", ISSUERS)
@pytest.mark.parametrize("answer", GIVEN)
def test_a_token_that_says_whose_it_is_gained_nothing_of_another_issuers(
    issuer: str, answer: dict[str, Any]
) -> None:
    with parties() as told:
        token = login(told, issuer, "openid chat")
        told["app"].exchange(lambda: answer, subject_token=token)
        assert above_low(told) == []


@pytest.mark.parametrize("issuer", ISSUERS)
def test_an_opaque_token_that_says_nothing_is_the_same_issuers(issuer: str) -> None:
    with parties() as told:
        token = login(told, issuer, "openid chat")
        told["helper"].exchange(
            lambda: {"access_token": "opaque-child-1", "scope": "chat admin"}, subject_token=token
        )
        assert {f.reference for f in told.findings()} >= {"SE-01"}
