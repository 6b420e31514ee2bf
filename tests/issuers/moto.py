"""moto's STS and IAM from PyPI: AWS AssumeRole as AWS's own client library (boto3) meets it.

moto checks no trust policy and no signature; a session it never gave is "no such identity" to
GetCallerIdentity. What AWS refuses and moto does not is not learned here.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from grantline.embedded import free_port
from tests.issuers import flows_sts, running

VERSION: Final = "5.2.5"
ACCOUNT: Final = "123456789012"


class Moto:
    """A running moto server, asked through boto3."""

    name = f"moto {VERSION} (STS)"
    can = frozenset({"assume_role"})
    flows = flows_sts.FLOWS

    def __init__(self, base: str, client: subprocess.Popen[str]) -> None:
        self.url = base
        self._client = client

    def client_id(self, party: str) -> str:
        return f"arn:aws:iam::{ACCOUNT}:role/{party}"

    def login(self, user: str) -> Mapping[str, Any]:
        """A person's long-lived key becomes a session (GetSessionToken)."""
        own = self.keys(user)
        return self.ask("get_session_token", own, DurationSeconds=3600)

    def keys(self, user: str) -> Mapping[str, Any]:
        """An IAM user of that name and a new access key of it."""
        root = {"AccessKeyId": "AKIAFAKEFAKEFAKEFAKE", "SecretAccessKey": "fake"}
        self.ask("create_user", root, service="iam", UserName=user)
        made = self.ask("create_access_key", root, service="iam", UserName=user)
        found: Mapping[str, Any] = made["AccessKey"]
        return found

    def assume_role(
        self, session: Mapping[str, Any], role: str, name: str, source: str
    ) -> Mapping[str, Any]:
        return self.ask(
            "assume_role", session["Credentials"], RoleArn=self.client_id(role),
            RoleSessionName=name, SourceIdentity=source, DurationSeconds=900,
        )  # fmt: skip

    def who(self, session: Mapping[str, Any]) -> Mapping[str, Any]:
        return self.ask("get_caller_identity", session["Credentials"])

    def ask(
        self, what: str, own: Mapping[str, Any], service: str = "sts", **arguments: Any
    ) -> dict[str, Any]:
        assert self._client.stdin
        assert self._client.stdout
        keys = {k: own.get(k) for k in ("AccessKeyId", "SecretAccessKey", "SessionToken")}
        asked = {"ask": what, "service": service, "as": keys, "with": arguments}
        self._client.stdin.write(json.dumps(asked) + "\n")
        self._client.stdin.flush()
        answer: dict[str, Any] = json.loads(self._client.stdout.readline())
        return answer


@contextmanager
def start() -> Iterator[Moto]:
    """A running moto; raises `NotThere` where it cannot be had."""
    home = running.virtualenv(f"moto-{VERSION}", f"moto[server]=={VERSION}")
    port = free_port()
    base = f"http://127.0.0.1:{port}"
    command = [str(home / "bin" / "moto_server"), "-H", "127.0.0.1", "-p", str(port)]
    asks = [str(home / "bin" / "python"), str(Path(__file__).with_name("sts_client.py")), base]
    with running.served(command, f"{base}/moto-api/"):
        client = subprocess.Popen(asks, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
        try:
            yield Moto(base, client)
        finally:
            client.communicate(timeout=10)
