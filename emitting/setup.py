"""The emitting library's files, and no other module of the package it shares with the pipeline."""

from setuptools import setup
from setuptools.command.build_py import build_py

OURS = frozenset({"__init__", "kafka_iam", "kafka_security", "spelling"})
"""Modules of `grantline` itself; ../setup.py leaves them out."""


class Emitting(build_py):
    def find_package_modules(self, package, package_dir):
        found = super().find_package_modules(package, package_dir)
        return [each for each in found if package != "grantline" or each[1] in OURS]


setup(cmdclass={"build_py": Emitting})
