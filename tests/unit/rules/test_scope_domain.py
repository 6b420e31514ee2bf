"""Where scopes are compared, found through stories: who is the issuer, what is the audience."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import msgspec
import pytest

from grantline.engine import Engine
from grantline.model.finding import Finding
from grantline.model.hop import SCOPES_TRUNCATED
from grantline.model.policy import Policy
from grantline.model.policy_parts import Crossing, IssuerPolicy
from grantline.rules.story import tell

ENTRA = "https://login.microsoftonline.com/11111111-2222-3333-4444-555555555555/v2.0"
ENTRA_V1 = "https://sts.windows.net/11111111-2222-3333-4444-555555555555/"
AUTH0 = "https://tenant.eu.auth0.com/"
OKTA = "https://org.okta.com/oauth2/default"
KEYCLOAK = "https://kc.example.com/realms/r"
UNKNOWN = "https://as.example.com"
GRAPH = "00000003-0000-0000-c000-000000000000"


def found(story: str, policy: Policy | None = None, **changed: Any) -> list[tuple[str, str]]:
    """(severity, scope rule's reference) of what stands, the same in every order.

    `changed` are fields of the hops, by their place in the story (`hop0=...`).
    """
    hops = [
        msgspec.structs.replace(hop, **changed.get(f"hop{n}", {}))
        for n, hop in enumerate(tell(story)[0])
    ]
    told = set()
    for order in permutations(hops) if len(hops) < 5 else (hops, hops[::-1]):
        engine = Engine(policy)
        last: dict[str, Finding] = {}
        for hop in order:
            engine.add([hop])
            last |= {finding.id: finding for finding in engine.drain()}
        last |= {finding.id: finding for finding in engine.finish()}
        stands = [finding for finding in last.values() if finding.status == "open"]
        told.add(tuple(sorted((finding.severity, finding.reference) for finding in stands)))
    assert len(told) == 1
    return [(severity, ref) for severity, ref in told.pop() if ref.startswith("SE-0")]


def exchange(had: str, holds: str) -> str:
    return f"alice grant a token=t0 {had}\na delegate b from=t0 token=t1 {holds}"


HIGH = [("high", "SE-01")]
UNPROVEN = [("low", "SE-01")]
SILENT: list[tuple[str, str]] = []


@pytest.mark.parametrize(
    "had, holds, right",
    [
        # A vocabulary for each resource: another audience is another vocabulary.
        (f"iss={ENTRA} aud=api scopes=access", f"iss={ENTRA} aud={GRAPH} scopes=User.Read", SILENT),
        (f"iss={AUTH0} aud=https://a scopes=read", f"iss={AUTH0} aud=https://b scopes=read,own", SILENT),
        (f"iss={OKTA} aud=api://a scopes=x", f"iss={OKTA} aud=api://b scopes=y", SILENT),
        # ... and the same audience, however it is spelt, the same vocabulary.
        (f"iss={ENTRA} aud=api scopes=x", f"iss={ENTRA_V1} aud=api://api scopes=x,own", HIGH),
        (f"iss={ENTRA} aud={GRAPH} scopes=User.Read",
         f"iss={ENTRA} aud={GRAPH} scopes=https://graph.microsoft.com/User.Read", SILENT),
        (f"iss={ENTRA} aud={GRAPH} scopes=User.Read",
         f"iss={ENTRA} aud=https://graph.microsoft.com scopes=https://graph.microsoft.com/Mail.Send",
         HIGH),
        (f"iss={ENTRA} aud=api scopes=x", f"iss={ENTRA} aud=api scopes=x,api://api/.default", SILENT),
        (f"iss={ENTRA} aud=api scopes=x", f"iss={ENTRA} aud=api scopes=x,role:Boss", HIGH),
        (f"iss={ENTRA} aud=api scopes=x", f"iss={ENTRA} aud=other scopes=role:Reader", SILENT),
        (f"iss={AUTH0} aud=https://a scopes=x", f"iss={AUTH0} aud=https://a/ scopes=x,own", HIGH),
        (f"iss={AUTH0} aud=https://a scopes=read:x",
         f"iss={AUTH0} aud=https://a scopes=permission:read:x,permission:write:x", HIGH),
        # Auth0 adds its own /userinfo to the audiences of every login.
        (f"iss={AUTH0} aud=https://a,{AUTH0}userinfo scopes=x",
         f"iss={AUTH0} aud=https://b,{AUTH0}userinfo scopes=y", SILENT),
        # One vocabulary for the whole issuer.
        (f"iss={KEYCLOAK} aud=a scopes=read", f"iss={KEYCLOAK} aud=b scopes=own", HIGH),
        (f"iss={KEYCLOAK} aud=a scopes=read", f"iss={KEYCLOAK} aud=b scopes=read,roles,acr,basic", SILENT),
        (f"iss={KEYCLOAK} aud=a scopes=role:user", f"iss={KEYCLOAK} aud=b scopes=role:user,role:boss", HIGH),
        (f"iss={KEYCLOAK} aud=a scopes=read", f"iss={KEYCLOAK} aud=a scopes=read,role:boss", HIGH),
        (f"iss={KEYCLOAK} aud=a scopes=read",
         f"iss={KEYCLOAK} aud=a scopes=read,role:offline_access,role:default-roles-r", SILENT),
        # A client's roles: new with a new audience, gained where the audience stays.
        (f"iss={KEYCLOAK} aud=a scopes=role:u", f"iss={KEYCLOAK} aud=b scopes=role:u,role:b:boss", SILENT),
        (f"iss={KEYCLOAK} aud=a scopes=role:a:u", f"iss={KEYCLOAK} aud=a scopes=role:a:u,role:a:boss", HIGH),
        (f"iss={KEYCLOAK} aud=a scopes=role:a:u", f"iss={KEYCLOAK} aud=b scopes=role:a:boss", HIGH),
        (f"iss={KEYCLOAK} aud=a scopes=role:u", f"iss={KEYCLOAK} aud=a scopes=role:u,role:a:boss", HIGH),
        (f"iss={KEYCLOAK} aud=a scopes=role:u",
         f"iss={KEYCLOAK} aud=a scopes=role:u,role:realm-management:boss", HIGH),
        (f"iss={KEYCLOAK} aud=a scopes=role:u", f"iss={KEYCLOAK} aud=a scopes=role:u,role:b:own", SILENT),
        # Nobody knows: names in common decide, else it is unproven.
        (f"iss={UNKNOWN} aud=a scopes=read", f"iss={UNKNOWN} aud=b scopes=read,own", HIGH),
        (f"iss={UNKNOWN} aud=a scopes=read", f"iss={UNKNOWN} aud=b scopes=own", UNPROVEN),
        (f"iss={UNKNOWN} aud=a scopes=read,openid", f"iss={UNKNOWN} aud=b scopes=own,openid", UNPROVEN),
        (f"iss={UNKNOWN} aud=a scopes=openid,email", f"iss={UNKNOWN} aud=b scopes=own", SILENT),
        (f"iss={UNKNOWN} aud=a scopes=read:/x", f"iss={UNKNOWN} aud=b scopes=read:/y", HIGH),
        (f"iss={UNKNOWN} aud=a scopes=read", f"iss={UNKNOWN} aud=a scopes=own", HIGH),
        (f"iss={UNKNOWN} aud=a scopes=openid", f"iss={UNKNOWN} aud=a scopes=own", HIGH),
        # Absent and several audiences.
        ("scopes=read", "scopes=own", HIGH),
        (f"iss={UNKNOWN} scopes=read", f"iss={UNKNOWN} scopes=own", HIGH),
        (f"iss={UNKNOWN} aud=a scopes=read", f"iss={UNKNOWN} scopes=own", HIGH),
        (f"iss={UNKNOWN} scopes=read", f"iss={UNKNOWN} aud=a scopes=own", HIGH),
        (f"iss={ENTRA} scopes=read", f"iss={ENTRA} aud=api scopes=own", UNPROVEN),
        (f"iss={ENTRA} aud=api scopes=read", f"iss={ENTRA} scopes=own", UNPROVEN),
        (f"iss={ENTRA} aud=a,b scopes=read", f"iss={ENTRA} aud=b scopes=own", HIGH),
        (f"iss={ENTRA} aud=a scopes=read", f"iss={ENTRA} aud=a,b scopes=read,own", HIGH),
        ("scopes=read", f"iss={UNKNOWN} aud=a scopes=own", UNPROVEN),
        # Issuers.
        (f"iss={UNKNOWN} scopes=read", "iss=https://other.example scopes=own", SILENT),
        (f"iss={UNKNOWN} scopes=read", f"iss={UNKNOWN}/ scopes=own", HIGH),
        (f"iss={UNKNOWN} scopes=read", "iss=HTTPS://AS.EXAMPLE.COM:443 scopes=own", HIGH),
    ],
)  # fmt: skip
def test_an_exchange_is_judged_where_its_scopes_are_defined(
    had: str, holds: str, right: list[tuple[str, str]]
) -> None:
    story = exchange(had, holds)
    scope_rule = [hit for hit in found(story) if hit[1] == "SE-01"]
    assert scope_rule == right


def test_authority_handed_on_in_a_process_stays_where_it_was() -> None:
    """It has no token and no audience of its own, also where resources have their own names."""
    story = f"""
        alice grant a token=t0 iss={ENTRA} aud=api scopes=read
        a delegate b from=t0 id=inside method=in_process scopes=read,own root=dlg:t0
    """
    assert found(story) == HIGH


def test_out_to_another_resource_and_back_is_compared_with_the_grant() -> None:
    story = f"""
        alice grant a token=t0 iss={AUTH0} aud=https://a scopes=use
        a delegate b from=t0 token=t1 iss={AUTH0} aud=https://b scopes=read
        b delegate c from=t1 token=t2 iss={AUTH0} aud=https://a scopes=use,own
    """
    assert found(story) == [("critical", "SE-02")]


def test_a_login_that_gives_an_id_token_holds_no_scopes_to_compare_with() -> None:
    story = exchange(
        f"iss={UNKNOWN} type=id_token aud=app scopes=openid", f"iss={UNKNOWN} aud=app scopes=chat"
    )
    assert found(story) == SILENT


def test_the_scopes_of_an_id_jag_are_those_of_the_server_it_is_for() -> None:
    story = """
        alice grant a token=t0 iss=https://idp.example type=id_token aud=a
        a delegate a from=t0 token=t1 iss=https://idp.example type=id_jag aud={} scopes=chat.read
        a delegate a from=t1 token=t2 iss=https://as.chat.example method=jwt_bearer aud=chat scopes=chat.read,chat.own
    """
    assert found(story.format("https://as.chat.example/")) == HIGH
    assert found(story.format("https://somebody.else")) == SILENT


def test_a_stated_dialect_decides_where_the_issuers_name_does_not() -> None:
    story = exchange(f"iss={UNKNOWN} aud=a scopes=x", f"iss={UNKNOWN} aud=b scopes=y")
    assert found(story) == UNPROVEN
    stated = {"token_dialect": "authgent"}
    assert found(story, hop0=stated, hop1=stated) == HIGH
    stated = {"token_dialect": "auth0"}
    assert found(story, hop0=stated, hop1=stated) == SILENT
    assert found(story, hop0={"token_dialect": "authgent"}, hop1=stated) == UNPROVEN
    assert found(story, hop0={"token_dialect": "made-up"}) == UNPROVEN


def test_an_issuer_that_is_known_by_name_does_not_take_a_stated_dialect() -> None:
    story = exchange(f"iss={KEYCLOAK} aud=a scopes=x", f"iss={KEYCLOAK} aud=b scopes=y")
    stated = {"token_dialect": "auth0"}
    assert found(story, hop0=stated, hop1=stated) == HIGH


def test_what_is_missing_may_be_among_what_was_cut() -> None:
    """Of a parent that was cut nothing is said; of a child what is shown counts."""
    story = exchange(f"iss={UNKNOWN} scopes=a,b", f"iss={UNKNOWN} scopes=own")
    cut = {"flags": (SCOPES_TRUNCATED,)}
    assert found(story, hop0=cut) == SILENT
    assert found(story, hop1=cut) == HIGH
    many = ",".join(f"s{n:03}" for n in range(64))
    assert found(exchange(f"scopes={many}", "scopes=s999")) == SILENT
    assert found(exchange("scopes=s999", f"scopes={many}")) == HIGH


def test_a_renewal_for_another_resource_is_compared_as_an_exchange_is() -> None:
    story = "alice grant a token=t0 iss={0} aud=x scopes=read\na renew t1 from=t0 iss={0} aud={1} scopes=own"
    assert found(story.format(ENTRA, "y")) == SILENT
    assert found(story.format(ENTRA, "x")) == HIGH
    assert found(story.format(UNKNOWN, "y")) == SILENT
    assert found(story.format(KEYCLOAK, "y")) == HIGH


def test_a_parent_that_nobody_reported_is_judged_by_what_its_child_says() -> None:
    story = "a delegate b from=t0 token=t1 iss={} aud=x scopes={} parent-scopes=read root=g"
    assert found(story.format(ENTRA, "own")) == UNPROVEN
    assert found(story.format(UNKNOWN, "read,own")) == HIGH
    assert found(story.format(KEYCLOAK, "own")) == HIGH


class TestPolicy:
    """What the policy says goes before what a dialect knows."""

    STORY = exchange(f"iss={UNKNOWN} aud=a scopes=x", f"iss={UNKNOWN} aud=b scopes=y")

    @pytest.mark.parametrize("domain, right", [("issuer", HIGH), ("resource", SILENT)])
    def test_a_scope_domain(self, domain: str, right: list[tuple[str, str]]) -> None:
        said = IssuerPolicy(scope_domain=domain)  # type: ignore[arg-type]
        assert found(self.STORY, Policy(issuers={f"{UNKNOWN}/": said})) == right

    def test_a_dialect(self) -> None:
        said = IssuerPolicy(dialect="okta")
        assert found(self.STORY, Policy(issuers={UNKNOWN: said})) == SILENT

    def test_another_name_of_an_issuer(self) -> None:
        story = exchange(f"iss={UNKNOWN} scopes=x", "iss=https://as.internal scopes=x,y")
        assert found(story) == SILENT
        said = IssuerPolicy(aliases=frozenset({"https://as.internal/"}))
        assert found(story, Policy(issuers={UNKNOWN: said})) == HIGH

    def test_names_that_include_others_and_names_that_are_ignored(self) -> None:
        story = exchange(f"iss={UNKNOWN} scopes=x", f"iss={UNKNOWN} scopes=x,y")
        for said in (
            IssuerPolicy(implied_scopes={"x": frozenset({"y"})}),
            IssuerPolicy(ignored_scopes=frozenset({"y"})),
        ):
            assert found(story, Policy(issuers={UNKNOWN: said})) == SILENT

    def test_other_names_of_an_audience(self) -> None:
        story = exchange(
            f"iss={AUTH0} aud=crm scopes=x", f"iss={AUTH0} aud=https://crm.example scopes=x,y"
        )
        assert found(story) == SILENT
        same = {"crm": frozenset({"crm.example"})}
        assert found(story, Policy(audience_aliases=same)) == HIGH

    def test_a_crossing_says_what_exceeds_what(self) -> None:
        crossing = Crossing(
            from_issuer=AUTH0, from_audience="https://a", to_audience="https://b",
            allows={"use": frozenset({"events:read"})},
        )  # fmt: skip
        policy = Policy(crossings=(crossing,))
        story = f"iss={AUTH0} aud=https://a scopes=use", f"iss={AUTH0} aud=https://b scopes={{}}"
        assert found(exchange(*story).format("events:read"), policy) == SILENT
        assert found(exchange(*story).format("events:read,events:write"), policy) == HIGH
        # What it does not speak of stays as it was.
        assert (
            found(exchange(*story).replace("//b", "//c").format("events:write"), policy) == SILENT
        )

    def test_a_crossing_between_issuers(self) -> None:
        crossing = Crossing(
            from_issuer=UNKNOWN, to_issuer="https://other.example", allows={"x": frozenset({"y"})}
        )
        story = exchange(f"iss={UNKNOWN} scopes=x", "iss=https://other.example scopes={}")
        assert found(story.format("y"), Policy(crossings=(crossing,))) == SILENT
        assert found(story.format("x,y"), Policy(crossings=(crossing,))) == HIGH

    def test_a_clients_role_that_is_called_grave(self) -> None:
        story = exchange(
            f"iss={KEYCLOAK} aud=a scopes=x", f"iss={KEYCLOAK} aud=b scopes=x,role:b:boss"
        )
        assert found(story, Policy(action_tiers={"role:b:boss": "critical"})) == [
            ("critical", "SE-01")
        ]
        assert found(story, Policy(action_tiers={"role:b:boss": "medium"})) == SILENT
