"""AWS STS, as moto answers and as CloudTrail names sessions: credentials, roles, no scope, no revoke.

Temporary credentials end, they are not revoked; a role may be assumed from a role, and lasts an
hour whenever its parent ends.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Mapping
from typing import Any

from tests.issuers.answers import Answer
from tests.truth.models.base import OK, Issued, Model


class Sts(Model):
    name = "sts"
    url = "https://sts.amazonaws.com"
    can = frozenset({"actor", "assume_role"})
    lifetime = exchanged_lifetime = 3600

    def client_id(self, party: str) -> str:
        return f"arn:aws:iam::123456789012:role/{party}"

    def granted_at_exchange(
        self, client: str, parent: Issued, audience: str, asked: frozenset[str]
    ) -> frozenset[str]:
        del client, parent, audience, asked
        return frozenset()

    def granted_at_login(self, client: str, asked: frozenset[str]) -> frozenset[str]:
        del client, asked
        return frozenset()

    def _answer(
        self,
        issued: Issued,
        body: Mapping[str, Any] | None = None,
        *,
        refresh: bool = False,
        header: Mapping[str, Any] | None = None,
    ) -> Answer:
        del body, refresh, header
        key = "ASIA" + self.mint("key")[-16:].upper()
        token = "FwoGZXIvYXdzFAKE" + self.mint("session")
        self.issued[token] = issued
        ends = dt.datetime.fromtimestamp(issued.claims["exp"], dt.UTC)
        role = f"arn:aws:sts::123456789012:assumed-role/{issued.client}/{issued.client}-session"
        return Answer(OK, {
            "Credentials": {"AccessKeyId": key, "SecretAccessKey": "fake", "SessionToken": token,
                            "Expiration": ends.isoformat()},
            "AssumedRoleUser": {"Arn": role, "AssumedRoleId": f"AROAFAKE:{issued.client}-session"},
        })  # fmt: skip

    def introspect(self, client: str, token: str) -> Mapping[str, Any]:
        return {"active": super().introspect(client, token)["active"]}
