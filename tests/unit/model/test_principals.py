"""Names of presenters made comparable: replicas are one, agents with a number are not."""

from __future__ import annotations

import pytest

from grantline.model.principals import identify


@pytest.mark.parametrize(
    "name, principal",
    [
        ("planner", "planner"),
        ("planner-7d9f8b6c5d-x2x9z", "planner"),
        ("order-planner-5b8c9d7f6-2xq4w", "order-planner"),
        ("planner-7", "planner-7"),
        ("planner-0", "planner-0"),
        ("planner-abcdefgh-abcde", "planner-abcdefgh-abcde"),
        ("billing-bot", "billing-bot"),
        ("system:serviceaccount:agents:planner", "planner"),
        ("spiffe://corp/ns/agents/sa/planner/pod/a", "planner"),
        ("spiffe://corp/agents/planner", "planner"),
    ],
)
def test_a_presenter_is_known_without_its_replica(name: str, principal: str) -> None:
    assert identify(name)[0] == principal
