"""What only trying can tell of a setting, tried before a process begins its work."""

from __future__ import annotations

import os
import socket
from pathlib import Path

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient

from grantline.kafka_iam import librdkafka
from grantline.settings.bad import BadSettings
from grantline.settings.variables import Settings


class PortTaken(Exception):
    """Nobody can listen there; the text says where and why."""


def kafka_client(settings: Settings) -> None:
    """Raises `BadSettings` for a security setting that no client can be made with."""
    try:
        security = librdkafka(settings.kafka)
        AdminClient({**security, "bootstrap.servers": settings.bootstrap, "log_level": 0})
    except KafkaException as why:
        raise BadSettings(f"GRANTLINE_KAFKA: {why.args[0].str()}") from None


def directory(path: Path, variable: str) -> None:
    """Makes the directory where it is missing. Raises `BadSettings`."""
    why = "this user may not write there"
    try:
        path.mkdir(parents=True, exist_ok=True)
        if os.access(path, os.W_OK | os.X_OK):
            return
    except FileExistsError:
        why = "it is a file"
    except OSError as error:
        why = str(error.strerror)
    raise BadSettings(f"{variable}: no place for files in {path} ({why}): name another directory")


def port(host: str, number: int, variables: str) -> None:
    """Raises `PortTaken`; `variables` are those that would choose another."""
    try:
        family, kind, _, _, address = socket.getaddrinfo(host, number, type=socket.SOCK_STREAM)[0]
        with socket.socket(family, kind) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
    except OSError as why:
        raise PortTaken(
            f"nobody can listen at {host}:{number} ({why.strerror}): stop what does, or set {variables}"
        ) from None
