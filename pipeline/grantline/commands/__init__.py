"""What the command line asks and tells: one command a file, each a function of settings and
options that returns the exit status. Long-running processes are wired in `app`.
"""

from __future__ import annotations


class Failed(Exception):
    """A command could not do what it was asked; the text says why and what to do."""
