"""The command `swarm`: finds the verb and runs it."""

from __future__ import annotations

import argparse
import ast
from collections.abc import Sequence
import importlib
import os
from pathlib import Path
import sys

_NO_VERBS = ('main',)


def verbs() -> dict[str, str]:
    """Return the verbs and their help, by name."""
    found = {}
    for path in sorted(Path(__file__).parent.glob('[!_]*.py')):
        if path.stem not in _NO_VERBS:
            text = ast.get_docstring(ast.parse(path.read_text(encoding='utf-8'))) or ''
            found[path.stem.replace('_', '-')] = text.partition('\n')[0]
    return found


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command line.

    :param arguments: without the name of the program; None: those of the process.
    :return: exit code.
    """
    given = list(sys.argv[1:] if arguments is None else arguments)
    parser = argparse.ArgumentParser(
        prog='swarm', description='Robots of a swarm that decide together, over DDS.'
    )
    choices = parser.add_subparsers(title='verbs', dest='verb', metavar='<verb>', required=True)
    chosen = next((word for word in given if not word.startswith('-')), None)
    run = None
    for verb, text in verbs().items():
        below = choices.add_parser(verb, help=text, description=text)
        if verb == chosen:
            module = importlib.import_module(f'swarm_consensus.cli.{verb.replace("-", "_")}')
            module.add_arguments(below)
            run = module.run
    parsed = parser.parse_args(given)
    assert run is not None  # argparse has refused what is no verb
    try:
        return int(run(parsed))
    except KeyboardInterrupt:
        return 130
    except BrokenPipeError:
        # Whoever read our output has enough (`swarm params | head`). Nothing more can be said,
        # also not by the interpreter when it flushes at its end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


if __name__ == '__main__':
    sys.exit(main())
