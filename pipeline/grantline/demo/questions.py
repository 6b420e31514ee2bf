"""Three questions of an investigation, as SQL over the live lineage."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from grantline.demo.scenario import Planted


class Question(NamedTuple):
    """What is asked. The fingerprints put into the SQL are hex that the demo itself made."""

    text: str
    sql: Callable[[list[Planted]], str]


def _token(reference: str, planted: list[Planted]) -> str:
    return next(plant.fingerprint for plant in planted if plant.reference == reference)


QUESTIONS = (
    Question(
        "Who let mallory act? The chain of the token she presented:",
        lambda planted: (
            "SELECT path[1] AS human, operation, actor_id AS actor, presenter, service AS seen_by, "
            f"action_name AS action, violations FROM chain('{_token('TR-01', planted)}')"
        ),
    ),
    Question(
        "What was still done with ivan's authority after he had revoked it?",
        lambda planted: (
            "SELECT presenter, action_name AS action, service AS accepted_by, lag "
            f"FROM uses_after_revocation('{_token('TR-04', planted)}') WHERE NOT refused"
        ),
    ),
    Question(
        "Where did payments.write enter frank's chain?",
        lambda planted: (
            "SELECT delegator_id AS delegator, actor_id AS actor, depth, granted_scopes, escalated "
            f"FROM scope_origin('{_token('SE-01', planted)}', 'payments.write')"
        ),
    ),
)
