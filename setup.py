"""What pyproject.toml cannot say: the compiled modules, and which modules are another distribution's.

Each compiled one is optional. Without a C compiler, or without a Rust toolchain, the build goes on without it, and
the Python module beside it does the same more slowly (pipeline/grantline/compiled.py).
"""

import os
import shutil
from pathlib import Path

from setuptools import Extension, setup
from setuptools.command.build_py import build_py

try:
    from setuptools_rust import Binding, RustExtension
except ImportError:  # as old environments have it
    RustExtension = None

COMPILED = ("grantline.wire._walk", "grantline.lineage._murmur2")

EMITTING = frozenset({"__init__", "kafka_iam", "kafka_security", "spelling"})
"""Modules of `grantline` itself that emitting/setup.py has; this distribution depends on that one."""


class Pipeline(build_py):
    def find_package_modules(self, package, package_dir):
        found = super().find_package_modules(package, package_dir)
        return [each for each in found if package != "grantline" or each[1] not in EMITTING]


def rust():
    """The native core, where there is a toolchain to build it."""
    if RustExtension is None or shutil.which(os.environ.get("CARGO", "cargo")) is None:
        return []
    core = RustExtension(
        "grantline._core",
        "pipeline/core/Cargo.toml",
        binding=Binding.PyO3,
        features=["python"],
        cargo_manifest_args=["--locked"],
        debug=False,
        quiet=True,
        optional=True,
        # Nobody waits for a registry that does not answer.
        env={"CARGO_NET_RETRY": "1", "CARGO_HTTP_TIMEOUT": "10", **os.environ},
    )
    return [core]


setup(
    cmdclass={"build_py": Pipeline},
    ext_modules=[
        Extension(
            name,
            [f"pipeline/{name.replace('.', '/')}.pyx"],
            depends=sorted(map(str, Path("pipeline/grantline/wire").glob("*.pxd"))),
            optional=True,
        )
        for name in COMPILED
    ],
    rust_extensions=rust(),
)
