"""What came back from a token endpoint: a string, a mapping, an object or an HTTP response.

What an answer means is said in `grantline.dialects`; here it is got hold of, however the client
hands it out. Nothing of an error but its code is taken: messages may quote the request.
"""

from __future__ import annotations

import re
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from grantline import dialects
from grantline.dialects import aws

_HTTP_ERROR: Final = 400
_MAX_ANSWER: Final = 256 * 1024
"""Characters of an answer that is not JSON that are looked at."""
_MAX_HEADER: Final = 4_096
_NAMED_ERROR: Final = re.compile(r'\berror="?([A-Za-z0-9_.-]{1,64})', re.ASCII)
_OF_OBJECTS: Final = (
    "access_token", "refresh_token", "id_token", "scope", "issued_token_type", "expires_in",
    "expires_at", "expires_on", "error", "suberror", "token",
)  # fmt: skip
"""What a client's own value may have of RFC 6749 section 5, and Azure's of it."""
_OF_AWS: Final = ("access_key", "token")
"""What botocore's credentials have; their secret is not looked at."""
_EXPIRY: Final = "expiry"
"""When google-auth's credentials end: a datetime in UTC."""


@dataclass(frozen=True, slots=True)
class Exchanged:
    """What became of an exchange: the answer, and the fields that say how it failed."""

    answer: dialects.Answer = field(default_factory=dialects.Answer)
    fields: Mapping[str, Any] = field(default_factory=dict)


def read(result: object) -> Exchanged:
    """The outcome of an exchange that returned (RFC 6749 5, RFC 8693 2.2)."""
    now = time.time()
    if isinstance(result, str):
        if result.lstrip().startswith("<"):
            return _of(dialects.read_answer(aws.from_xml(result), now))
        return Exchanged(dialects.read_answer({"access_token": result}, now))
    answer = dialects.read_answer(_body(result), now)
    status = _status(result)
    if answer.refusal is None and status >= _HTTP_ERROR:
        if (asked := _challenged(result)) is not None:
            return Exchanged(fields=_refused(asked))
        return Exchanged(fields={"error_type": str(status), "reason": "request_failed"})
    return _of(answer)


def error_type(error: BaseException) -> str:
    """Its class, which is all of an exception that is told: a message may quote anything."""
    kind = type(error)
    return f"{kind.__module__}.{kind.__qualname__}".removeprefix("builtins.")


def failed(error: BaseException) -> Exchanged:
    """The outcome of an exchange that raised: the OAuth error code if it carries one."""
    response = getattr(error, "response", None)
    body: Mapping[str, Any] = {} if response is None else _body(response)
    if isinstance(code := getattr(error, "error", None), str):
        body = {**body, "error": code}
    named = {"error_type": error_type(error)}
    refused = dialects.refusal(body)
    return Exchanged(fields=named if refused is None else named | _refused(refused))


def _of(answer: dialects.Answer) -> Exchanged:
    return Exchanged(answer, {} if answer.refusal is None else _refused(answer.refusal))


def _refused(refusal: dialects.Refusal) -> dict[str, str]:
    outcome, reason, error = refusal
    return {"outcome": outcome, "reason": reason, "error_type": error}


def _challenged(result: object) -> dialects.Refusal | None:
    """The error that `WWW-Authenticate` names (RFC 6750 section 3, RFC 9470 section 3)."""
    headers = getattr(result, "headers", None)
    if not isinstance(headers, Mapping):
        return None
    said = next((v for n, v in headers.items() if str(n).lower() == "www-authenticate"), None)
    named = _NAMED_ERROR.search(said[:_MAX_HEADER]) if isinstance(said, str) else None
    return dialects.refusal({"error": named[1]}) if named else None


def _status(result: object) -> int:
    status = getattr(result, "status_code", 0)
    return status if isinstance(status, int) else 0


def _body(result: object) -> Mapping[str, Any]:
    """The token response as a mapping, however the HTTP client hands it out."""
    if isinstance(result, Mapping):
        return result
    if _status(result) and callable(parse := getattr(result, "json", None)):
        try:
            body = parse()
        except Exception:  # noqa: BLE001 - any client's parser, any body
            return _document(result)
        return body if isinstance(body, Mapping) else {}
    found = {name: getattr(result, name, None) for name in _OF_OBJECTS}
    if isinstance(key := getattr(result, _OF_AWS[0], None), str):
        return {"AccessKeyId": key, "SessionToken": getattr(result, _OF_AWS[1], None)}
    if found["expires_at"] is None and found["expires_on"] is None:
        found["expires_at"] = getattr(result, _EXPIRY, None)
    return found


def _document(result: object) -> Mapping[str, Any]:
    """An HTTP answer that is no JSON: AWS's query protocol answers in XML."""
    document = getattr(result, "text", None)
    if not isinstance(document, str) or not document.lstrip().startswith("<"):
        return {}
    return aws.from_xml(document[:_MAX_ANSWER])
