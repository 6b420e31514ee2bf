"""One delegation is passed on to more delegates than the policy allows."""

from __future__ import annotations

from grantline.model.chain import UNSEEN, Delegation
from grantline.model.finding import Confidence, Hit, Severity
from grantline.rules.rule import NONE, Effect, Hits, InChain, Rule


def check(giver: Delegation, where: InChain) -> Hits:
    limit = where.policy.max_fan_out
    if limit is None or len(giver.children) <= limit or not giver.seen:
        return NONE
    hit = Hit(
        reference="CS-10",
        identity=(where.chain.root_id, giver.id),
        # Not how many: a finding that changed with every further one would be told as often.
        says=f"{giver.facts.actor or UNSEEN} passed its authority on to more than {limit} delegates",
        severity=RULE.severity,
        confidence=RULE.confidence,
        time=giver.first_time,
        root_id=where.chain.root_id,
        span_ids=giver.span_ids,
        delegation_ids=(giver.id,),
        token_fingerprints=tuple(filter(None, (giver.facts.fingerprint,))),
        path=where.chain.path(giver),
        facts=(("allowed", str(limit)),),
    )
    return (hit,)


_SEVENTEEN = "alice grant planner token=t0\n" + "\n".join(
    f"planner delegate w{n} from=t0 token=c{n}" for n in range(17)
)

RULE = Rule(
    id="fans-out",
    references=("CS-10",),
    reads=Delegation,
    check=check,
    effect=Effect.NOTHING,
    title="Delegation fans out wider than allowed",
    severity=Severity.MEDIUM,
    confidence=Confidence.HIGH,
    why="Every delegate is one more place where authority can leak, and a loop that spawns agents "
    "shows as width first.",
    triage="List the delegates (`grantline chain`). If the work is a map over many items, raise "
    "`max_fan_out`; otherwise stop the delegator.",
    blind_spots="It is silent without `max_fan_out` in the policy, and counts all delegates that a "
    "delegation ever had, not those of a moment.",
    retracts_if="stronger evidence hangs delegates under other parents",
    maps=("ASI08", "AML.T0034.002"),
    policy={"max_fan_out": 16},
    fires={"seventeen delegates": _SEVENTEEN},
    quiet={"sixteen": _SEVENTEEN.rpartition("\n")[0]},
    late={
        "the last one comes late": _SEVENTEEN.replace(
            "planner delegate w16", "late: planner delegate w16"
        )
    },
)
