"""The programs that tell the story: how each is had, and what it speaks.

A program is made of its lab, a folder beside this file with its lock file, once, into the cache; a lab that
has changed is another program.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.issuers import running

ROOM: Final = "foreign"
BUILD_SECONDS: Final = 300.0
"""The longest that one step of making a program may take."""
_HERE: Final = Path(__file__).parent
_MAVEN: Final = "org.apache.maven.plugins:maven-dependency-plugin:3.6.1:copy-dependencies"

Command = list[str]


@dataclass(frozen=True)
class Client:
    """One program; `had` gives its command or raises `NotThere`."""

    name: str
    shown: str
    protocols: tuple[str, ...]
    had: Callable[[], Command]


def _lab(name: str, make: Callable[[Path, Path], None]) -> Path:
    """The cached folder that `make(lab, folder)` makes of a lab."""
    lab = _HERE / f"{name}_lab"
    digest = hashlib.sha256()
    for path in sorted(path for path in lab.rglob("*") if path.is_file()):
        digest.update(path.name.encode() + b"\0" + path.read_bytes())
    return running.had(f"{name}-{digest.hexdigest()[:12]}", lambda folder: make(lab, folder), ROOM)


def _run(*command: str, cwd: Path | None = None) -> None:
    running.run(*command, cwd=cwd, seconds=BUILD_SECONDS)


def python() -> Command:
    # The stock SDK is there: Grantline's own is built on it.
    return [sys.executable, str(_HERE / "python_lab" / "client.py")]


def _js() -> Command:
    running.need("node", "Node 18.19 or later")
    return ["node", str(_lab("js", _make_js) / "client.mjs")]


def _make_js(lab: Path, folder: Path) -> None:
    for name in ("package.json", "package-lock.json", "client.mjs"):
        shutil.copy(lab / name, folder / name)
    _run("npm", "ci", "--ignore-scripts", "--no-fund", "--no-audit", "--silent", cwd=folder)


def _go() -> Command:
    return [str(_lab("go", _make_go) / "foreign")]


def _make_go(lab: Path, folder: Path) -> None:
    _run("go", "build", "-C", str(lab), "-mod=readonly", "-o", str(folder / "foreign"), ".")


def _java() -> Command:
    running.need("javac", "a JDK 17")
    home = _lab("java", _make_java)
    # A program that lives for a second.
    swift = ("-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1", "-Xshare:auto")
    return ["java", *swift, "-cp", f"{home}/classes{os.pathsep}{home}/lib/*", "Foreign"]


def _make_java(lab: Path, folder: Path) -> None:
    _run("mvn", "--batch-mode", "--quiet", f"--file={lab / 'pom.xml'}", _MAVEN,
                f"-DoutputDirectory={folder / 'lib'}")  # fmt: skip
    _run("javac", "-cp", f"{folder}/lib/*", "-d", f"{folder}/classes",
                str(lab / "Foreign.java"))  # fmt: skip


def _rust() -> Command:
    return [str(_lab("rust", _make_rust) / "foreign")]


def _make_rust(lab: Path, folder: Path) -> None:
    target = folder / "target"
    _run("cargo", "build", "--quiet", "--locked", f"--manifest-path={lab / 'Cargo.toml'}",
                f"--target-dir={target}")  # fmt: skip
    (target / "debug" / "foreign").rename(folder / "foreign")
    shutil.rmtree(target)


CLIENTS: Final = (
    Client("python", "Python", ("http/protobuf", "grpc"), python),
    Client("js", "JavaScript", ("http/protobuf", "http/json", "grpc"), _js),
    Client("go", "Go", ("http/protobuf", "grpc"), _go),
    Client("java", "Java", ("http/protobuf", "grpc"), _java),
    Client("rust", "Rust", ("http/protobuf", "http/json", "grpc"), _rust),
)
"""In the order of the table."""
