"""Pictures of chains: what is told is drawn, what is folded is said, and no name becomes markup."""

from __future__ import annotations

import re
import xml.etree.ElementTree as ET
from collections.abc import Callable
from html.parser import HTMLParser

import msgspec
import pytest

from grantline.draw.fold import MAX_CARDS, MAX_COLUMNS, fold
from grantline.draw.html import html
from grantline.draw.layout import places
from grantline.draw.mermaid import mermaid
from grantline.draw.picture import Card, Picture, described, picture
from grantline.draw.svg import svg
from grantline.rules.story import tell
from grantline.store import show
from tests.unit.draw.test_text import Judged, dlg, judged, last4

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = (
    "</title><script>alert(1)</script>\" onload=x '#]|\x1b[2J\N{RIGHT-TO-LEFT OVERRIDE}" + 90 * "x"
)

STOLEN = """
    alice grant planner token=t0 scopes=read,write
    planner delegate worker from=t0 token=t1 scopes=read
    worker delegate tool from=t1 token=t2 scopes=admin,read
    worker use t1 by=crm
    alice revoke t0 target=subtree
    @400 mallory use t1 by=crm
    worker use t1 by=crm outcome=deny
"""


def drawn(lineage: Judged, wanted: str) -> Picture:
    return picture(*show.chain_rows(lineage, wanted))


def test_a_picture_holds_human_hand_overs_and_acts_before_and_after_the_revocation_apart() -> None:
    assert described(drawn(judged(STOLEN), dlg("t0"))) == [
        "alice → [read, write] planner",
        "planner → [read] worker",
        "worker → [+admin, read] tool (SE-01)",
        "worker → crm: use \N{MULTIPLICATION SIGN}1",
        "worker → crm: use \N{MULTIPLICATION SIGN}1 by mallory after the revocation (TR-01, TR-05)",
        "worker → crm: use \N{MULTIPLICATION SIGN}1 refused after the revocation",
    ]


def test_a_card_tells_token_scopes_and_the_difference_to_its_parent() -> None:
    cards = {card.name: card for card in drawn(judged(STOLEN), dlg("t0")).cards.values()}
    assert cards["tool"].gained == ("admin",)
    assert cards["worker"].lost == ("write",)
    assert cards["worker"].token == last4("t1")
    assert cards["planner"].revoked is not None


def test_the_way_to_the_finding_that_was_asked_about_is_marked() -> None:
    lineage = judged(STOLEN)
    asked = drawn(lineage, lineage.findings["SE-01"].id)
    names = [asked.cards[one].name for one in sorted(asked.trail())]
    assert names == ["alice", "planner", "worker", "tool"]
    assert drawn(lineage, dlg("t0")).trail() == set()


def test_a_gap_is_drawn_as_a_gap_by_an_unseen_line() -> None:
    lineage = judged("""
        alice grant planner token=t0 scopes=read
        worker delegate tool from=t1 token=t2 root=dlg:t0
    """)
    cards = list(drawn(lineage, dlg("t0")).cards.values())
    (gap,) = (card for card in cards if card.kind == "gap")
    assert gap.strength == "unseen"
    assert cards[gap.below[0]].name == "tool"


def line(hops: int) -> Picture:
    """One human, and so many hand-overs in a row."""
    cards = {0: Card(0, "human", "alice")}
    for one in range(1, hops + 1):
        cards[one] = Card(one, "agent", f"agent-{one}", one - 1)
        cards[one - 1].below.append(one)
    return Picture(cards)


def fan(agents: int, *violating: int) -> Picture:
    """One human, and so many agents below."""
    cards = {0: Card(0, "human", "alice")}
    for one in range(1, agents + 1):
        violations = ("TR-05",) if one in violating else ()
        cards[one] = Card(one, "agent", f"agent-{one}", 0, violations=violations)
        cards[0].below.append(one)
    return Picture(cards)


def bush(deep: int) -> Picture:
    """Each agent hands on to two."""
    cards = {0: Card(0, "human", "alice")}
    for one in range(1, 2**deep):
        above = 0 if one == 1 else one // 2
        cards[one] = Card(one, "agent", f"agent-{one}", above)
        cards[above].below.append(one)
    return Picture(cards)


def test_a_chain_of_three_hops_is_drawn_whole() -> None:
    assert fold(line(3)) == line(3)


@pytest.mark.parametrize("whole", [line(300), fan(300), bush(8), line(30_000)])
def test_a_large_chain_fits_and_says_what_was_folded(whole: Picture) -> None:
    folded = fold(whole)
    assert len(folded.cards) <= MAX_CARDS
    assert max(place.column for place in places(folded).values()) <= MAX_COLUMNS + 1
    counted = sum(
        int(found) for note in folded.folded for found in re.findall(r"(\d+) delegation", note)
    )
    drawn_agents = sum(card.kind == "agent" for card in folded.cards.values())
    assert counted + drawn_agents == len(whole.cards) - 1


def test_what_a_rule_objects_to_is_folded_last_and_a_fold_bears_what_is_in_it() -> None:
    folded = fold(fan(40, 33, 38))
    shown = {card.name: card.violations for card in folded.cards.values()}
    assert shown["agent-33"] == shown["agent-38"] == ("TR-05",)
    everyone = fold(fan(40, *range(1, 41)))
    (rest,) = (card for card in everyone.cards.values() if card.kind == "folded")
    assert rest.violations == ("TR-05",)
    assert everyone.folded == ["more below alice: 31 delegations"]


def test_no_card_lies_on_another() -> None:
    for whole in (line(12), fan(9), bush(6)):
        found = list(places(fold(whole)).values())
        for place in found:
            near = [
                one for one in found if one.column == place.column and abs(one.row - place.row) < 1
            ]
            assert near == [place]


def hostile() -> Picture:
    """A chain in which every name that an agent chooses is markup, twice as long as a card."""
    hops = [
        msgspec.structs.replace(
            hop, subject_id=HOSTILE, actor_id=HOSTILE, presenter_id=HOSTILE, service=HOSTILE,
            action_name=HOSTILE, granted_scopes=(HOSTILE,),
        )
        for hop in tell(STOLEN)[0]
    ]  # fmt: skip
    rows = show.chain_rows(Judged(hops), dlg("t0"))
    return picture(*rows)


class Tags(HTMLParser):
    """The elements and attributes that a browser would see."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen |= {tag, *(f"@{name}" for name, _ in attrs)}


@pytest.mark.parametrize("write", [svg, lambda one, title: html(one, title, [HOSTILE])])
def test_no_name_becomes_markup(write: Callable[[Picture, str], str]) -> None:
    one = hostile()
    text = write(one, HOSTILE)
    tags = Tags(text).seen
    assert not {"script", "@onload", "image", "foreignobject", "a"} & tags
    assert "\x1b" not in text
    assert "\N{RIGHT-TO-LEFT OVERRIDE}" not in text


def test_no_name_becomes_mermaid_syntax() -> None:
    one = hostile()
    for told in mermaid(one, HOSTILE).splitlines()[2:]:
        assert re.fullmatch(
            r'  (c\d+(\(\["|\[")[\w .,…×#;<br/>:]*("\]\)|"\])|c\d+ [-.]+>(\|"[\w ,#;]*"\|)? c\d+|%% .*|linkStyle .*)',  # noqa: RUF001
            told,
        ), told


def test_every_text_of_a_large_picture_lies_in_it_legend_and_folds_included() -> None:
    for whole in (line(1), fan(40, 3), line(300), drawn(judged(STOLEN), dlg("t0"))):
        root = ET.fromstring(svg(whole, "a title"))
        wide, high = (float(root.attrib[name]) for name in ("width", "height"))
        for text in root.iter(f"{SVG}text"):
            x, y = float(text.attrib["x"]), float(text.attrib["y"])
            assert 0 < y < high
            long = 6.2 * len(text.text or "")
            assert (x + long / 2 if text.attrib["text-anchor"] == "middle" else x + long) <= wide


@pytest.mark.parametrize("write", [svg, mermaid, lambda one, title: html(one, title, [])])
def test_every_form_folds_what_is_large_and_says_so(write: Callable[[Picture, str], str]) -> None:
    text = write(fan(300), "a title")
    assert len(re.findall(r"agent-\d|agent#45;\d", text)) < 4 * MAX_CARDS
    assert re.search(r"[Ff]olded: more below alice", text)


def test_the_legend_explains_what_occurs_and_nothing_else() -> None:
    plainly = svg(line(2), "t")
    assert "only said by" in plainly
    assert "a rule objects" not in plainly
    assert "a rule objects" in svg(fan(2, 1), "t")
