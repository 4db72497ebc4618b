"""
A user's own rule: `package.module:function`, looked for when a node is configured, called when
robots judge their ballots (docs/agreed.md).

Whatever the function does, robots go on: an exception and a result that is none become an epoch
that decided nothing. The reason says no more than is equal on every robot.
"""

from __future__ import annotations

from collections.abc import Callable
import functools
import importlib
import inspect
from typing import Any

from swarm_consensus.decision.policy import Policy
from swarm_consensus.decision.rule_names import rule_problem
from swarm_consensus.decision.types import Level

# Bounds of what a rule may choose; outcomes travel to robots that were away.
CHOICE_CHARACTERS_MAX = 256
VALUE_BYTES_MAX = 32_768

UserRule = Callable[[list[dict[str, Any]], dict[str, Any]], object]
# Scores a path of tasks for a robot (docs/tasks.md).
UserScoring = Callable[[dict[str, Any], list[dict[str, Any]]], object]
Result = tuple[str, float, bytes]

_RETURNS = 'a rule returns None, (choice, confidence) or (choice, confidence, value)'


class RuleError(Exception):
    """A user's rule gave no usable result; the text is equal on every robot."""


@functools.cache
def load_rule(name: str) -> UserRule:
    """
    Return the function of an entry point, looked for once.

    :raises ValueError: what is wrong, and what to change; begins with `is 'name', ...`.
    """
    if problem := rule_problem(name, Level.AGREED):
        raise ValueError(problem)
    rule: UserRule = _function(name, ([], {}), '`votes` and `subject`')
    return rule


@functools.cache
def load_scoring(name: str) -> UserScoring:
    """
    Return the function of an entry point that scores paths; see `load_rule`.

    :raises ValueError: what is wrong, and what to change; begins with `is 'name', ...`.
    """
    if problem := rule_problem(name, Level.AGREED):
        raise ValueError(problem)
    scoring: UserScoring = _function(name, ({}, []), '`robot` and `path`')
    return scoring


def _function(name: str, arguments: tuple[Any, Any], words: str) -> Any:
    """Return a function that takes such arguments."""
    module_name, _, path = name.partition(':')
    found = _module(name, module_name)
    for number, word in enumerate(path.split('.')):
        try:
            found = getattr(found, word)
        except AttributeError:
            inside = '.'.join([module_name, *path.split('.')[:number]])
            raise ValueError(f"is '{name}', but {inside} has no '{word}'") from None
    if not callable(found):
        raise ValueError(f"is '{name}', which is a {type(found).__name__} and no function")
    if inspect.iscoroutinefunction(found):
        raise ValueError(f"is '{name}', which is a coroutine function; take the `async` away")
    try:
        inspect.signature(found).bind(*arguments)
    except TypeError as error:
        raise ValueError(
            f"is '{name}', which must take two arguments, {words}: {error}"
        ) from None
    except ValueError:
        # Built into the interpreter, with no signature to look at; the call will tell.
        pass
    return found


def _module(name: str, module_name: str) -> Any:
    try:
        return importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        missing = error.name or module_name
        if missing == module_name or module_name.startswith(f'{missing}.'):
            raise ValueError(
                f"is '{name}', but this robot has no module '{missing}'; install its package, or "
                'put its folder on PYTHONPATH'
            ) from None
        raise ValueError(
            f"is '{name}', but {module_name} imports '{missing}', which this robot does not have"
        ) from None
    # The module is the user's: any error in it is one of the configuration.
    except (Exception, SystemExit) as error:
        raise ValueError(
            f"is '{name}', but importing {module_name} failed: {type(error).__name__}: {error}"
        ) from error


def call_rule(
    name: str,
    policy: Policy,
    votes: list[dict[str, Any]],
    subject: dict[str, Any],
) -> Result | None:
    """
    Return what a user's rule says: choice, confidence and value; None: nothing.

    :param policy: of the subject; where it has labels the choice must be one.
    :param votes: what robots said, in order of their names, as docs/agreed.md describes it. Made
        for this call: the rule may do with it what it likes.
    :param subject: the rest, as described there; likewise.
    :raises RuleError: it cannot be loaded, raised, or returned nonsense.
    """
    try:
        function = load_rule(name)
    except ValueError:
        raise RuleError(f"the rule '{name}' cannot be loaded") from None
    try:
        result = function(votes, subject)
    # A user's exception must not end the robot. Its text may hold addresses of objects, which
    # differ between robots, so only its type and line are told.
    except (Exception, SystemExit) as error:
        raise RuleError(
            f"the rule '{name}' raised {type(error).__name__}{_line(error, function)}"
        ) from error
    return None if result is None else _checked(name, policy, result)


def _line(error: BaseException, function: UserRule) -> str:
    """Return where in the user's own file an exception came from."""
    code = getattr(inspect.unwrap(function), '__code__', None)
    lines = []
    trace = error.__traceback__
    while trace is not None:
        if code is not None and trace.tb_frame.f_code.co_filename == code.co_filename:
            lines.append(trace.tb_lineno)
        trace = trace.tb_next
    return f' in line {lines[-1]}' if lines else ''


def _checked(name: str, policy: Policy, result: object) -> Result:
    where = f"the rule '{name}' returned"
    if not isinstance(result, tuple):
        raise RuleError(f'{where} a {type(result).__name__}; {_RETURNS}')
    if len(result) not in (2, 3):
        raise RuleError(f'{where} {len(result)} items; {_RETURNS}')
    choice, confidence = result[:2]
    value = result[2] if len(result) == 3 else b''
    if not isinstance(choice, str):
        raise RuleError(f'{where} a choice that is a {type(choice).__name__}; it must be a str')
    if policy.labels and choice not in policy.labels:
        raise RuleError(f'{where} a choice that is not among the labels')
    if len(choice) > CHOICE_CHARACTERS_MAX:
        raise RuleError(f'{where} a choice of {len(choice)} characters; at most 256')
    if any('\ud800' <= character <= '\udfff' for character in choice):
        raise RuleError(f'{where} a choice with half a character, which has no UTF-8 form')
    if isinstance(confidence, bool) or not isinstance(confidence, (int, float)):
        kind = type(confidence).__name__
        raise RuleError(f'{where} a confidence that is a {kind}; it must be a float')
    if not 0 <= confidence <= 1:  # also refuses nan
        raise RuleError(f'{where} a confidence of {confidence:g}; it must be from 0 to 1')
    if not isinstance(value, bytes):
        raise RuleError(f'{where} a value that is a {type(value).__name__}; it must be bytes')
    if len(value) > VALUE_BYTES_MAX:
        raise RuleError(f'{where} a value of {len(value)} bytes; at most {VALUE_BYTES_MAX}')
    if not choice and not value:
        raise RuleError(f'{where} neither a choice nor a value; return None for no decision')
    return str(choice), float(confidence), bytes(value)
