"""Apache Kafka that asks who you are and what you may: SASL/PLAIN and access control lists.

`bootstrap` is the door for whoever sets things up (no password, every right); `guarded` the one
for the processes under test, which may do only what `allow` gave them. The passwords are as fake as
they look.
"""

from __future__ import annotations

import json
from pathlib import Path

from confluent_kafka.admin import (  # type: ignore[attr-defined]
    AclBinding,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from grantline.embedded import free_port
from tests.brokers import apache
from tests.brokers.kind import NotAvailable

USER = "worker"
PASSWORD = "fake-password-of-worker"
_PROTOCOLS = "CONTROLLER:PLAINTEXT,PLAINTEXT:PLAINTEXT,SASL_PLAINTEXT:SASL_PLAINTEXT"
_BEARER = (
    "org.apache.kafka.common.security.oauthbearer.OAuthBearerLoginModule required "
    'unsecuredLoginStringClaim_sub="broker";'
)
_LOGIN = "org.apache.kafka.common.security.plain.PlainLoginModule required"


class GuardedKafka(apache.ApacheKafka):
    """One broker with two listeners."""

    def __init__(self, jars: Path) -> None:
        super().__init__(jars)
        port = free_port()
        self.guarded = f"127.0.0.1:{port}"
        door = f",SASL_PLAINTEXT://{self.guarded}"
        text = self._properties.read_text()
        lines = [
            line + door if line.startswith(("listeners=", "advertised.listeners=")) else line
            for line in text.splitlines()
        ]
        lines += [
            f"listener.security.protocol.map={_PROTOCOLS}",
            "sasl.enabled.mechanisms=PLAIN,OAUTHBEARER",
            # What validates a token by default takes one that nobody signed.
            f"listener.name.sasl_plaintext.oauthbearer.sasl.jaas.config={_BEARER}",
            f'listener.name.sasl_plaintext.plain.sasl.jaas.config={_LOGIN} user_{USER}="{PASSWORD}";',
            "authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
            "super.users=User:ANONYMOUS",
        ]
        self._properties.write_text("\n".join(lines) + "\n")

    @property
    def kafka(self) -> str:
        """`GRANTLINE_KAFKA` of the processes under test."""
        return json.dumps(self.security)

    @property
    def security(self) -> dict[str, str]:
        return {
            "security.protocol": "SASL_PLAINTEXT",
            "sasl.mechanism": "PLAIN",
            "sasl.username": USER,
            "sasl.password": PASSWORD,
        }

    def allow(self, kind: ResourceType, name: str, *operations: AclOperation) -> None:
        """Lets the user do `operations` on the resource; returns once the broker knows it."""
        admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})
        rights = [
            AclBinding(
                kind, name, ResourcePatternType.LITERAL, f"User:{USER}", "*", operation,
                AclPermissionType.ALLOW,
            )
            for operation in operations
        ]  # fmt: skip
        for done in admin.create_acls(rights).values():
            done.result(timeout=20)


def start() -> GuardedKafka:
    """A running broker; raises `NotAvailable` where there is none of Java, Maven and the jars."""
    return apache.started(GuardedKafka)


__all__ = ["PASSWORD", "USER", "GuardedKafka", "NotAvailable", "start"]
