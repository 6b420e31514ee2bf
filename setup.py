"""What pyproject.toml cannot say yet: the compiled modules.

Each is optional. Without a C compiler the build goes on without it, and the Python module beside it
does the same more slowly (pipeline/grantline/compiled.py).
"""

from pathlib import Path

from setuptools import Extension, setup

COMPILED = ("grantline.wire._walk", "grantline.lineage._murmur2")

setup(
    ext_modules=[
        Extension(
            name,
            [f"pipeline/{name.replace('.', '/')}.pyx"],
            depends=sorted(map(str, Path("pipeline/grantline/wire").glob("*.pxd"))),
            optional=True,
        )
        for name in COMPILED
    ]
)
