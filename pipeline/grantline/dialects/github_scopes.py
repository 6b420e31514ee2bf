"""Which of GitHub's OAuth scopes include which (docs.github.com, scopes for OAuth apps)."""

from __future__ import annotations

from collections.abc import Mapping
from itertools import pairwise
from typing import Final


def _levels(*names: str) -> dict[str, frozenset[str]]:
    """Each includes the next."""
    return {name: frozenset({below}) for name, below in pairwise(names)}


SCOPES: Final[Mapping[str, frozenset[str]]] = {
    "repo": frozenset(
        {"public_repo", "repo:invite", "repo:status", "repo_deployment", "security_events"}
    ),
    "user": frozenset({"read:user", "user:email", "user:follow"}),
    **_levels("admin:org", "write:org", "read:org"),
    **_levels("admin:public_key", "write:public_key", "read:public_key"),
    **_levels("admin:repo_hook", "write:repo_hook", "read:repo_hook"),
    **_levels("admin:gpg_key", "write:gpg_key", "read:gpg_key"),
    **_levels("admin:ssh_signing_key", "write:ssh_signing_key", "read:ssh_signing_key"),
    **_levels("write:packages", "read:packages"),
    **_levels("write:discussion", "read:discussion"),
    **_levels("project", "read:project"),
    "admin:enterprise": frozenset(
        {"manage_runners:enterprise", "manage_billing:enterprise", "read:enterprise"}
    ),
}
