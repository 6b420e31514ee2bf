"""Credentials: librdkafka's security settings as Faust's client wants them.

One set of names serves both clients. No value is ever logged or put into an error.
"""

from __future__ import annotations

import ssl
from collections.abc import Mapping

import faust
from faust.auth import OAuthCredentials
from faust.types.auth import CredentialsT

from grantline.kafka_security import AWS_MSK_IAM, NAMES, OAUTHBEARER
from grantline.kafka_security import mechanism as asked
from grantline.streams.tokens import ClientCredentials, IamTokens


def credentials(security: Mapping[str, str]) -> CredentialsT | None:
    """Faust's credentials; None for a plain connection.

    Raises `ValueError` for a setting that only one of the two clients would understand.
    """
    unknown = sorted(set(security) - NAMES)
    if unknown:
        raise ValueError(
            f"security settings {', '.join(unknown)} are not supported; use {', '.join(sorted(NAMES))}"
        )
    protocol = security.get("security.protocol", "PLAINTEXT").upper()
    if protocol == "PLAINTEXT":
        return None
    context = _context(security) if protocol.endswith("SSL") else None
    if protocol == "SSL" and context is not None:
        return faust.SSLCredentials(context)
    if protocol in {"SASL_PLAINTEXT", "SASL_SSL"}:
        mechanism = asked(security) or "PLAIN"
        if mechanism in {OAUTHBEARER, AWS_MSK_IAM}:
            tokens = IamTokens if mechanism == AWS_MSK_IAM else ClientCredentials
            return OAuthCredentials(oauth_cb=tokens(security), ssl_context=context)
        return faust.SASLCredentials(
            username=security.get("sasl.username"),
            password=security.get("sasl.password"),
            mechanism=mechanism,
            ssl_context=context,
        )
    raise ValueError(
        f"security.protocol {protocol!r}: use PLAINTEXT, SSL, SASL_PLAINTEXT or SASL_SSL"
    )


def _context(security: Mapping[str, str]) -> ssl.SSLContext:
    context = ssl.create_default_context(cafile=security.get("ssl.ca.location"))
    certificate = security.get("ssl.certificate.location")
    if certificate is not None:
        context.load_cert_chain(
            certificate, security.get("ssl.key.location"), security.get("ssl.key.password")
        )
    return context
