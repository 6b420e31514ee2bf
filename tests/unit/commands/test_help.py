"""`--help` tells of every command what it needs, what it takes if nothing is said, and an example."""

from __future__ import annotations

import argparse
import re
import shlex

import pytest

from grantline.cli import EXIT_STATUS, STORE, parser
from grantline.settings import Settings

COMMANDS = next(
    action.choices for action in parser()._actions if isinstance(action, argparse._SubParsersAction)
)


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_shows_an_example_that_it_takes(name: str) -> None:
    """And the meaning of its exit status."""
    help_ = COMMANDS[name].format_help()
    assert EXIT_STATUS in help_
    found = re.findall(r"^  (?:[A-Z_]+=\S+ )*grantline (.*)$", help_, re.MULTILINE)
    assert found
    for example in found:
        parser().parse_args(shlex.split(re.split(" [<>] ", example)[0]))


@pytest.mark.parametrize("name", COMMANDS)
def test_every_option_that_takes_a_value_says_what_it_is_otherwise(name: str) -> None:
    for action in COMMANDS[name]._actions:
        if action.required or action.nargs == 0:
            continue
        assert "(default: " in (action.help or ""), action.dest


@pytest.mark.parametrize("name", COMMANDS)
def test_the_defaults_shown_are_those_of_the_settings(name: str) -> None:
    help_ = " ".join(COMMANDS[name].format_help().split())
    for variable, value in re.findall(r"GRANTLINE_(\w+), or ([\w./]*\w)", help_):
        assert str(Settings.model_fields[variable.lower()].default) == value
    assert str(Settings.model_fields["store"].default) == STORE
