"""Which of the wanted execution providers this machine has, and what is said of the others."""

from __future__ import annotations

from collections.abc import Sequence
import difflib

from swarm_consensus.inference.errors import ModelError
from swarm_consensus.protocols.values import value


@value
class ProviderChoice:
    """
    Providers to ask onnxruntime for.

    :param use: wanted and available, in order of preference, never empty.
    :param missing: wanted, but not in this build of onnxruntime.
    """

    use: tuple[str, ...]
    missing: tuple[str, ...]


def choose_providers(
    wanted: Sequence[str], known: Sequence[str], available: Sequence[str]
) -> ProviderChoice:
    """
    Pick from the wanted providers those that are there, keeping their order.

    :param known: every name that onnxruntime knows.
    :param available: what this build of it holds.
    :raises ModelError: a name that onnxruntime does not know, or none of the wanted is available.
    """
    for name in wanted:
        if name not in known:
            by_short = {_short(one): one for one in known}
            close = difflib.get_close_matches(_short(name), by_short, 1, 0.6)
            hint = f'; did you mean {by_short[close[0]]!r}?' if close else ''
            raise ModelError(f'providers has {name!r}, which onnxruntime does not know{hint}')
    use = tuple(dict.fromkeys(name for name in wanted if name in available))
    missing = tuple(dict.fromkeys(name for name in wanted if name not in available))
    if not use:
        raise ModelError(
            f'providers wants {", ".join(wanted)}, but this onnxruntime has only '
            f"{', '.join(available)}: add 'CPUExecutionProvider' at the end to fall back to it"
        )
    return ProviderChoice(use, missing)


def _short(name: str) -> str:
    return name.lower().removesuffix('provider').removesuffix('execution')


def describe_fallback(choice: ProviderChoice, running: Sequence[str]) -> str:
    """
    Say what was wanted and is not used, in one sentence; '' where the first wish came true.

    :param running: what the session reports that it runs on, in order.
    """
    refused = [name for name in choice.use if name not in running]
    reasons = []
    if choice.missing:
        reasons.append(f'{", ".join(choice.missing)} not in this build of onnxruntime')
    if refused:
        reasons.append(f'{", ".join(refused)} did not start')
    if not reasons:
        return ''
    return f'running on {running[0]}: ' + '; '.join(reasons)
