"""Which resource an audience covers: as URLs, by segment, and as far as both sides tell."""

from __future__ import annotations

import pytest

from grantline.model.audience import Place, address_place, audience_place, meant_for
from grantline.model.policy import Policy

CRM = "https://gw.example.com/mcp/crm"


@pytest.mark.parametrize(
    "told",
    [
        CRM,
        CRM + "/",
        "https://GW.Example.com:443/mcp/crm",
        "wss://gw.example.com/mcp/crm/v2/tools?x=1#y",
        "https://gw.example.com/mcp/pay/../crm",
        "https://gw.example.com/mcp/%63rm",
        "https://u:p@gw.example.com/mcp/crm",
        "gw.example.com",
        "gw.example.com:8443",
        "https://gw.example.com",
        "https://gw.example.com/",
    ],
)
def test_an_audience_covers_itself_what_lies_below_and_who_tells_no_path(told: str) -> None:
    assert meant_for((CRM,), told, Policy()) is True


@pytest.mark.parametrize(
    "told",
    [
        "https://gw.example.com/mcp/payroll",
        "https://gw.example.com/mcp/crmx",
        "https://gw.example.com/mcp/CRM",
        "https://gw.example.com/mcp",
        "https://gw.example.com/mcp/crm/../payroll",
        "https://gw.example.com/mcp/crm/%2e%2E/payroll",
        "https://gw.example.com/mcp%2Fcrm",
        "https://other.example.com/mcp/crm",
        "other.example.com",
    ],
)
def test_an_audience_covers_nothing_beside_or_above_it(told: str) -> None:
    assert meant_for((CRM,), told, Policy()) is False


@pytest.mark.parametrize(
    "audience, told, meant",
    [
        ("http://localhost:8001", "http://localhost:8002/mcp", False),
        ("http://localhost:8001", "http://localhost:8001/mcp", True),
        ("http://localhost:8001", "localhost", True),
        ("https://gw.example.com:8443/a", "https://gw.example.com/a", True),
        ("https://[2001:db8::1]/a", "https://[2001:DB8::1]:443/a/b", True),
        ("https://[2001:db8::1]:8443/a", "https://[2001:db8::1]:9443/a", False),
    ],
)
def test_ports_tell_resources_apart_where_both_name_one(
    audience: str, told: str, meant: bool
) -> None:
    assert meant_for((audience,), told, Policy()) is meant


def test_what_names_no_host_stays_open_unless_the_policy_says_what_it_stands_for() -> None:
    assert meant_for(("api://crm",), CRM, Policy()) is None
    assert meant_for(("urn:crm", "https://mail.example.com"), CRM, Policy()) is None
    assert meant_for(("gw",), "gw", Policy()) is True
    alias = Policy(audience_aliases={"api://crm": frozenset({CRM, "crm"})})
    assert meant_for(("api://crm",), CRM + "/v2", alias) is True
    assert meant_for(("api://crm",), "crm", alias) is True
    assert meant_for(("api://crm",), "https://gw.example.com/mcp/pay", alias) is False


@pytest.mark.parametrize(
    "odd", ["", "https://", "https:///x", "://", "https://[", "%", "a/b", "https://h:99999999/x"]
)
def test_odd_addresses_are_places_of_their_own(odd: str) -> None:
    assert isinstance(address_place(odd), Place)
    assert meant_for((CRM,), odd, Policy()) in {False, None}
    audience_place(odd)


def test_a_place_is_shown_as_it_is_compared() -> None:
    assert str(address_place("https://u:p@GW.example.com:8443/mcp//crm/?q=1")) == (
        "gw.example.com:8443/mcp/crm"
    )
    assert str(address_place("https://[2001:db8::1]:8443/a")) == "[2001:db8::1]:8443/a"
