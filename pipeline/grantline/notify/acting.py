"""The one way in which a person's action gets onto Kafka, for the command line and the console.

What it says is made by `model.action.action`, which is pure; here it leaves, and is waited for.
"""

from __future__ import annotations

import secrets
from collections.abc import Mapping
from typing import Final

from confluent_kafka import KafkaError, KafkaException, Message

from grantline.model.action import Action, encode
from grantline.notify.publisher import HEADERS, producer
from grantline.settings.broker import silence

_ANSWER_SECONDS: Final = 10.0


class NotRecorded(RuntimeError):
    """The action did not reach its topic; the text says why and what to do."""


def token() -> str:
    """32 hex digits that no other action has."""
    return secrets.token_hex(16)


def record(action: Action, *, bootstrap: str, topic: str, kafka: Mapping[str, str]) -> None:
    """Returns when the broker has it; the alert process takes it from there. Raises `NotRecorded`."""
    answers: list[KafkaError | None] = []

    def answered(error: KafkaError | None, _message: Message) -> None:
        answers.append(error)

    client = producer(bootstrap, kafka, "grantline-action")
    try:
        client.produce(
            topic, key=action.key, value=encode(action), headers=list(HEADERS), on_delivery=answered
        )
    except (KafkaException, BufferError) as why:
        raise NotRecorded(f"topic {topic}: {why}") from None
    client.flush(_ANSWER_SECONDS + 1)
    if not answers:
        raise NotRecorded(silence(bootstrap, ""))
    if (error := answers[0]) is not None:
        if error.code() in {KafkaError._MSG_TIMED_OUT, KafkaError._TIMED_OUT}:  # noqa: SLF001
            raise NotRecorded(silence(bootstrap, error.str()))
        raise NotRecorded(
            f"topic {topic} at {bootstrap}: {error.str()}: has a worker of this release run, which "
            "makes it, and may this user WRITE to it?"
        )
