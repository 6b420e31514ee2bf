"""Two distributions of one package: what an agent installs, and the pipeline that depends on it."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import tomllib
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
NEEDED = ("pipeline", "emitting", "schemas", "pyproject.toml", "setup.py", "README.md", "LICENSE")


@pytest.fixture(scope="module")
def wheels(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Both wheels by distribution, built from a copy: a build leaves files behind."""
    there = tmp_path_factory.mktemp("checkout")
    for name in NEEDED:
        if (ROOT / name).is_dir():
            leave = shutil.ignore_patterns(
                "__pycache__", "*.egg-info", "build", "target", "*.so", "_*.c"
            )
            shutil.copytree(ROOT / name, there / name, symlinks=True, ignore=leave)
        else:
            shutil.copy(ROOT / name, there / name)
    out = there / "dist"
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-index", "--no-deps"]
    subprocess.run(
        [*command, "--no-build-isolation", "--wheel-dir", str(out), "./emitting", "."],
        cwd=there,
        env={
            **os.environ,
            "CC": "false",
            "CARGO": "false",
        },  # the compiled modules are optional, and take their time
        check=True,
        timeout=110,
    )
    return {wheel.name.split("-")[0]: wheel for wheel in out.glob("*.whl")}


def files(wheel: Path) -> set[str]:
    return {name for name in zipfile.ZipFile(wheel).namelist() if not name.endswith("/")}


def test_the_emitting_wheel_is_pure_python(wheels: dict[str, Path]) -> None:
    assert wheels["grantline_emit"].name.endswith("-py3-none-any.whl")
    ours = {
        name.split("/")[1]
        for name in files(wheels["grantline_emit"])
        if name.startswith("grantline/")
    }
    assert ours == {
        "__init__.py", "py.typed", "emit", "dialects", "kafka_iam.py", "kafka_security.py", "spelling.py",
    }  # fmt: skip


def test_no_file_is_in_both(wheels: dict[str, Path]) -> None:
    assert not files(wheels["grantline_emit"]) & files(wheels["grantline"])
    package = ROOT / "pipeline" / "grantline"
    modules = {path.relative_to(ROOT / "pipeline").as_posix() for path in package.rglob("*.py")}
    both = files(wheels["grantline_emit"]) | files(wheels["grantline"])
    assert {name for name in modules if "/schemas/" not in name} <= both


def test_the_pipeline_depends_on_the_emitting_library_of_its_version() -> None:
    whole = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    emitting = tomllib.loads((ROOT / "emitting/pyproject.toml").read_text("utf-8"))["project"]
    assert whole["dependencies"] == [f"grantline-emit=={emitting['version']}"]
    assert emitting["version"] == whole["version"]


def test_the_emitting_wheel_alone_runs_the_readmes_example(
    wheels: dict[str, Path], tmp_path: Path
) -> None:
    with zipfile.ZipFile(wheels["grantline_emit"]) as wheel:
        wheel.extractall(tmp_path)
    readme = (ROOT / "README.md").read_text("utf-8")
    example = readme.split("```python\n")[1].split("```")[0]
    code = example.replace("kafka://localhost:9092", "kafka://127.0.0.1:1") + (
        "\nimport grantline, importlib.util\n"
        "print(grantline.__path__, importlib.util.find_spec('grantline.engine'))\n"
        "print(dl.stats().emitted)\n"
        "dl._recorder._outlet.close_by(0)\n"
    )
    environment = {**os.environ, "PYTHONPATH": str(tmp_path)}
    done = subprocess.run(
        [sys.executable, "-c", code],
        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert done.stdout.splitlines() == [f"['{tmp_path}/grantline'] None", "5"]


def test_both_wheels_together_are_the_whole(wheels: dict[str, Path], tmp_path: Path) -> None:
    for each in wheels.values():
        with zipfile.ZipFile(each) as wheel:
            wheel.extractall(tmp_path)
    done = subprocess.run(
        [sys.executable, "-m", "grantline.cli", "rules"],
        cwd=tmp_path, env={**os.environ, "PYTHONPATH": str(tmp_path)},
        capture_output=True, text=True, timeout=60, check=True,
    )  # fmt: skip
    assert "used-after-revocation" in done.stdout
