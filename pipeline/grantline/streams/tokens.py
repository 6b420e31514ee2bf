"""Tokens for Faust's client where Kafka asks for OAUTHBEARER; librdkafka fetches its own."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Mapping
from typing import Final

from aiokafka.abc import AbstractTokenProvider
from oauthlib.oauth2 import BackendApplicationClient
from requests_oauthlib import OAuth2Session

_SECONDS: Final = 10.0
_EARLY: Final = 0.8
"""Of a token's life after which the next one is asked for."""


class ClientCredentials(AbstractTokenProvider):  # type: ignore[misc]  # aiokafka has no types
    """Asks the token endpoint with the client's own credentials (RFC 6749 section 4.4), again when most
    of a token's life is over. aiokafka asks at every connection, on its own loop.
    """

    def __init__(self, security: Mapping[str, str]) -> None:
        """`security`: librdkafka's `sasl.oauthbearer.*`."""
        self._endpoint = security["sasl.oauthbearer.token.endpoint.url"]
        self._client = security["sasl.oauthbearer.client.id"]
        self._secret = security["sasl.oauthbearer.client.secret"]
        self._scope = security.get("sasl.oauthbearer.scope")
        self._ca = security.get("ssl.ca.location")
        self._token = ""
        self._until = 0.0

    async def token(self) -> str:
        """A token that is good for some time. Raises what the endpoint's refusal is."""
        if time.monotonic() >= self._until:
            await asyncio.get_running_loop().run_in_executor(None, self._fetch)
        return self._token

    def _fetch(self) -> None:
        client = BackendApplicationClient(client_id=self._client, scope=self._scope)
        asked = time.monotonic()
        with OAuth2Session(client=client) as session:
            if self._ca is not None:
                session.verify = self._ca
            found = session.fetch_token(
                self._endpoint, client_secret=self._secret, include_client_id=False,
                timeout=_SECONDS,
            )  # fmt: skip
        self._token = found["access_token"]
        self._until = asked + _EARLY * float(found.get("expires_in", 300))
