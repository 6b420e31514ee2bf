"""`grantline policy`: a file is checked line by line; a proposal holds what was seen, with evidence."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import msgspec
import pytest

from grantline import app
from grantline.commands.proposal import Seen, proposed
from grantline.engine import Engine
from grantline.model.hop import Hop
from grantline.model.policy import Policy
from grantline.rules.story import tell
from grantline.settings.policy_file import parse

EXAMPLES = Path(__file__).parents[3] / "schemas" / "examples"
SAMPLE = EXAMPLES / "otlp" / "sample.jsonl"
AS = "https://as.example.com"


def _check(path: Path, text: str) -> int:
    path.write_text(text)
    return app.run("policy", {"doing": "check", "file": path})


def test_a_file_that_can_be_used_is_told_with_what_its_findings_will_bear(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = f'gateways = ["gw"]\n[issuers."{AS}"]\nscope_domain = "issuer"\n'
    assert _check(tmp_path / "p.toml", text) == 0
    out = capsys.readouterr().out
    assert "can be used, 1 issuer, 1 gateway; findings will bear sha256:" in out


def test_every_bad_line_is_told_with_its_number_and_a_cure(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert _check(tmp_path / "p.toml", 'max_deph = 3\n\nproxies = "gw"\n') == 2
    told = capsys.readouterr().err.splitlines()
    assert told[0].endswith("p.toml cannot be used:")
    assert told[1] == "  line 1: no key 'max_deph'; did you mean max_depth?"
    assert told[2].startswith("  line 3: proxies: 'gw' should be a valid list")


def test_what_is_most_likely_not_meant_is_warned_of(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    text = """
        principal_aliases = { a = "b", b = "c" }
        [[exemptions]]
        reference = "SE-1"
        until = "2020-01-01"
        owner = "alice"
        reason = "r"
    """
    assert _check(tmp_path / "p.toml", text) == 0
    out = capsys.readouterr().out
    assert "no rule is called SE-1, so nothing is exempt; did you mean SE-" in out
    assert "ended on 2020-01-01: alice should renew it or take it out" in out
    assert "a is to be judged as b, but b as c: only one step is taken" in out


def test_init_proposes_from_files(capsys: pytest.CaptureFixture[str]) -> None:
    assert app.run("policy", {"doing": "init", "files": [SAMPLE]}) == 0
    out = capsys.readouterr().out
    assert "# Proposed from 27 hops of 9 services." in out
    assert parse(out).issuers.keys() == {"https://login.office.example"}


@pytest.mark.parametrize("text", ["", '{"resourceSpans": []}'])
def test_nothing_is_proposed_from_nothing(
    tmp_path: Path, text: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "spans.json"
    path.write_text(text)
    assert app.run("policy", {"doing": "init", "files": [path]}) == 1
    assert "nothing to propose from (OTLP files are read" in capsys.readouterr().err


def _seen(story: str, **changed: Any) -> Seen:
    seen = Seen()
    seen.add(msgspec.structs.replace(hop, **changed) for hop in tell(story)[0])
    return seen


def _exchanges(count: int, child: str, issuer: str = AS) -> str:
    return "\n".join(
        f"u grant a token=p{n} iss={issuer} aud=https://a scopes=read,write\n"
        f"a delegate b from=p{n} token=c{n} iss={issuer} aud=https://b scopes={child}"
        for n in range(count)
    )


def test_names_in_common_across_audiences_propose_one_vocabulary() -> None:
    """And the proposal, used as it is, finds what was unproven before."""
    text = proposed(_seen(_exchanges(3, "read")))
    assert 'scope_domain = "issuer"  # of 3 exchanges for another audience 3 share scopes' in text
    policy = parse(text)
    assert policy.issuers[AS].scope_domain == "issuer"
    hops = tell(_exchanges(1, "own"))[0]
    severities = []
    for judged in (Policy(), policy):
        engine = Engine(judged)
        engine.add(hops)
        severities.append([finding.severity for finding in engine.finish()])
    assert severities == [["low"], ["high"]]


def test_what_is_seen_too_rarely_or_proves_nothing_is_left_to_people() -> None:
    assert '# scope_domain = "issuer"  # of 2 exchanges' in proposed(_seen(_exchanges(2, "read")))
    text = proposed(_seen(_exchanges(9, "own")))
    assert '# scope_domain = "resource"  # of 9 exchanges for another audience 0 share' in text
    assert parse(text).issuers[AS].scope_domain is None


def test_the_dialect_is_known_by_name_or_as_emitters_state_it() -> None:
    kc = "https://kc.example.com/realms/r"
    assert '# dialect = "keycloak"  # known by its name' in proposed(_seen(_exchanges(1, "x", kc)))
    text = proposed(_seen(_exchanges(1, "x"), token_dialect="authgent"))
    assert parse(text).issuers[AS].dialect == "authgent"


def test_spellings_of_one_issuer_are_one_table() -> None:
    text = proposed(_seen(f"u grant a token=t0 iss={AS}/\nu grant a token=t1 iss={AS}:443"))
    assert list(parse(text).issuers) == [AS]
    assert f'# told as "{AS}/" 1 time' in text


def test_who_presents_tokens_of_several_others_is_shown_and_not_decided() -> None:
    story = f"""
        u grant a token=t0 iss={AS}
        u grant b token=t1 iss={AS}
        gw use t0 by=crm
        gw use t1 by=crm
        a use t0 by=crm
    """
    text = proposed(_seen(story))
    assert '# gateways = ["gw"]  # presented 2 tokens of 2 others, and was given none' in text
    assert parse(text).proxies == frozenset()


def test_uses_under_no_authority_and_audiences_without_a_host_are_shown() -> None:
    story = """
        u grant a token=t0 aud=urn:crm
        a use t0 by=crm at=crm.example.com aud=urn:crm
        cron use - by=cleaner
        cron use - by=cleaner
    """
    text = proposed(_seen(story))
    assert '# "urn:crm" = ["crm.example.com"]  # 1 use accepted there' in text
    assert '"low"  # 2 uses by "cleaner" without a token' in text


def test_a_proposal_can_be_used_whatever_names_spans_bear() -> None:
    """Names come from outside: none may end a line, or a text in it."""
    nasty = 'x"\n[issuers.evil]\ndialect = "okta" \\ \x00 \x7f \u2028 é'
    hop = Hop(
        "1" * 16, "2" * 32, "use", 1, kind=2, service=nasty, presenter_id=nasty, action_name=nasty,
        token_issuer=nasty, token_dialect=nasty, audiences=(nasty,), server_address=nasty,
    )  # fmt: skip
    seen = Seen()
    seen.add([hop])
    text = proposed(seen)
    assert "evil" in text
    assert list(parse(text).issuers) == [nasty]


def test_a_file_that_added_nothing_to_the_proposal_is_named(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log = SAMPLE.parents[1] / "sources" / "okta.json"
    assert app.run("policy", {"doing": "init", "files": [SAMPLE, log]}) == 0
    said = capsys.readouterr()
    assert said.err == f"warning: {log} tells of no delegation\n"
    assert said.out.startswith("#:schema")


def test_a_proposal_is_not_made_of_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert app.run("policy", {"doing": "init", "files": [tmp_path]}) == 1
    assert "is a directory: name the files in it" in capsys.readouterr().err


def test_a_proposal_is_made_of_an_issuers_log_and_of_a_folder_of_them(
    capsys: pytest.CaptureFixture[str],
) -> None:
    said = {"doing": "init", "format": "keycloak", "issuer": "https://kc.example.com/realms/lab"}
    assert app.run("policy", {**said, "files": [EXAMPLES / "sources" / "keycloak.json"]}) == 0
    assert list(parse(capsys.readouterr().out).issuers) == ["https://kc.example.com/realms/lab"]
    assert app.run("policy", {**said, "files": [EXAMPLES / "sources"]}) == 0
    assert "okta.json tells of no delegation" in capsys.readouterr().err


def test_a_log_that_is_none_of_the_format_and_one_without_its_issuer_are_said(
    capsys: pytest.CaptureFixture[str],
) -> None:
    log = EXAMPLES / "sources" / "okta.json"
    said = {"doing": "init", "files": [log]}
    assert app.run("policy", {**said, "format": "cloudtrail", "issuer": None}) == 1
    assert "read as cloudtrail" in capsys.readouterr().err
    assert app.run("policy", {**said, "format": "okta", "issuer": None}) == 1
    assert "--issuer URL" in capsys.readouterr().err


def test_the_example_policy_can_be_used_and_warns_of_nothing(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert app.run("policy", {"doing": "check", "file": EXAMPLES / "policy" / "start.toml"}) == 0
    out = capsys.readouterr().out
    assert "warning" not in out
    assert "can be used, 1 issuer, 1 crossing, 1 gateway, 1 exemption" in out
