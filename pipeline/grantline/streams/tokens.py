"""Tokens for Faust's client where Kafka asks for OAUTHBEARER; librdkafka fetches its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Final

from aiokafka.abc import AbstractTokenProvider
from oauthlib.oauth2 import BackendApplicationClient
from requests_oauthlib import OAuth2Session

from grantline import kafka_iam

_SECONDS: Final = 10.0
_EARLY: Final = 0.8
"""Of a token's life after which the next one is asked for."""


class _Renewed(AbstractTokenProvider):  # type: ignore[misc]  # aiokafka has no types
    """A token that is fetched again when most of its life is over."""

    def __init__(self) -> None:
        self._token = ""
        self._until = 0.0

    async def token(self) -> str:
        """A token that is good for some time. Raises what the refusal is."""
        if time.monotonic() >= self._until:
            await asyncio.get_running_loop().run_in_executor(None, self._fetch)
        return self._token

    def _fetch(self) -> None:
        asked = time.monotonic()
        self._token, life = self._fetched()
        self._until = asked + _EARLY * life

    def _fetched(self) -> tuple[str, float]:
        """A new token and the seconds it lives; may block."""
        raise NotImplementedError


class IamTokens(_Renewed):
    """Signs a token with AWS credentials (kafka_iam.py)."""

    def __init__(self, security: Mapping[str, str]) -> None:
        super().__init__()
        self._security = security

    def _fetched(self) -> tuple[str, float]:
        found = kafka_iam.token(self._security)
        return found.text, found.until - time.time()


class ClientCredentials(_Renewed):
    """Asks the token endpoint with the client's own credentials (RFC 6749 section 4.4), again when most
    of a token's life is over. aiokafka asks at every connection, on its own loop.
    """

    def __init__(self, security: Mapping[str, str]) -> None:
        """`security`: librdkafka's `sasl.oauthbearer.*`."""
        super().__init__()
        self._endpoint = security["sasl.oauthbearer.token.endpoint.url"]
        self._client = security["sasl.oauthbearer.client.id"]
        self._secret = security["sasl.oauthbearer.client.secret"]
        self._scope = security.get("sasl.oauthbearer.scope")
        self._ca = security.get("ssl.ca.location")

    def _fetched(self) -> tuple[str, float]:
        client = BackendApplicationClient(client_id=self._client, scope=self._scope)
        with OAuth2Session(client=client) as session:
            if self._ca is not None:
                session.verify = self._ca
            found = session.fetch_token(
                self._endpoint, client_secret=self._secret, include_client_id=False,
                timeout=_SECONDS,
            )  # fmt: skip
        return found["access_token"], float(found.get("expires_in", 300))
