"""Grantline: who let which AI agent do what."""

__version__ = "0.1.0"
