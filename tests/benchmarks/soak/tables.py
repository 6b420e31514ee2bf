"""A soak's figures as tables, and its section of the benchmarks' page."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from tests.benchmarks.sheet import Sheet
from tests.benchmarks.soak import settings
from tests.benchmarks.soak.run import Plan
from tests.benchmarks.soak.verdict import CPU, Verdict

_ROWS = 12
"""Of the table of minutes, at most."""


def minutes(series: Mapping[str, Sequence[float]]) -> list[Sheet]:
    """Some minutes, evenly spread, the last among them; `series`: figure -> one value a minute."""
    cpu = {name: values for name, values in series.items() if name.endswith(CPU)}
    rest = {name: values for name, values in series.items() if name not in cpu}
    of = {name.removesuffix(f" {CPU}"): values for name, values in cpu.items()}
    return [_minutes("By the minute", rest), _minutes(f"{CPU} a span, by the minute", of)]


def _minutes(title: str, series: Mapping[str, Sequence[float]]) -> Sheet:
    count = len(next(iter(series.values())))
    step = -(-count // _ROWS)
    shown = sorted({*range(step - 1, count, step), count - 1})
    rows = [(str(at + 1), *(f"{values[at]:,.0f}" for values in series.values())) for at in shown]
    return Sheet(title, ("minute", *series), rows)


def verdict(of: Verdict) -> Sheet:
    """What is accounted for, and what drifts."""
    if of.judged is None:
        drifts = [(
            "drift",
            f"not judged: that takes {settings.least_minutes()} minutes",
        )]  # fmt: skip
    else:
        drifts = [(f"drift of {name}", each.in_words()) for name, each in of.drifts.items()]
    whole = "everything" if of.accounted.whole else "NOT everything"
    rows = [(f"{whole} accounted for", of.accounted.in_words()), *drifts]
    notes = ["Drift: Theil-Sen over the judged minutes, as a share of their median, with 95 %."]
    if of.judged is not None:
        notes.append(f"Judged: minutes {of.judged[0]} to {of.judged[1]}.")
    return Sheet("Verdict", ("", "said"), rows, notes)


def section(plan: Plan, sheets: Sequence[Sheet], where: str) -> str:
    """The page's, with the chart."""
    head = (
        f"{plan.minutes:g} minutes at {plan.spans_a_second:,.0f} spans/s in records of "
        f"{plan.batch}; {settings.in_words()}.\n\n"
        "![Throughput, latency, memory and lag by the minute](soak/soak.png)"
    )
    return "\n\n".join([head, *(sheet.as_markdown() for sheet in sheets), where])
