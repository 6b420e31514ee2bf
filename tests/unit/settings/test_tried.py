"""What only trying can tell is tried, and told in one line."""

from __future__ import annotations

import socket
from pathlib import Path

import pytest

from grantline.settings import BadSettings, Settings, tried


def test_a_directory_is_made(tmp_path: Path) -> None:
    tried.directory(tmp_path / "a" / "b", "GRANTLINE_DATA_DIR")
    assert (tmp_path / "a" / "b").is_dir()


def test_a_directory_that_cannot_be_is_named_with_its_variable(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    for path, why in (("file", "it is a file"), ("file/below", "Not a directory")):
        with pytest.raises(BadSettings, match=rf"GRANTLINE_STORE: .*{tmp_path / path} \({why}\)"):
            tried.directory(tmp_path / path, "GRANTLINE_STORE")


def test_a_port_in_use_is_named_with_its_variable() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        number = taken.getsockname()[1]
        with pytest.raises(
            tried.PortTaken, match=rf"{number} \(Address already in use\).*WEB_PORT"
        ):
            tried.port("127.0.0.1", number, "GRANTLINE_WEB_PORT")
    tried.port("127.0.0.1", number, "GRANTLINE_WEB_PORT")


def test_an_address_of_another_machine_is_refused() -> None:
    with pytest.raises(tried.PortTaken, match="Cannot assign requested address"):
        tried.port("192.0.2.1", 6066, "GRANTLINE_WEB_HOST")


def test_a_certificate_that_is_none_is_refused(tmp_path: Path) -> None:
    """By the client itself, before anything is sent."""
    path = tmp_path / "ca.pem"
    path.write_text("not a certificate")
    tried.kafka_client(Settings())
    with pytest.raises(BadSettings, match=r"GRANTLINE_KAFKA: .*ssl\.ca\.location failed"):
        tried.kafka_client(
            Settings(kafka={"security.protocol": "SSL", "ssl.ca.location": str(path)})
        )
