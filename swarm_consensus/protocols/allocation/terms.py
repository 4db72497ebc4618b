"""
The settings by which robots bid, and whether those of the others are the same.

Bids are numbers that the scoring of a robot gives; they say who does what only where all robots
have the same one. Nobody can see that from a bid. So robots compare a hash over the settings with
what else they compare, and where it differs tell each other what they have.
"""

from __future__ import annotations

import hashlib

from swarm_consensus.protocols.allocation.config import BidderConfig, Method
from swarm_consensus.protocols.allocation.messages import HASH_BYTES, TERM_CHARACTERS_MAX, Terms
from swarm_consensus.protocols.allocation.scoring import Scoring

# Name of a setting, what the other robot has, what this one has; None: it has none of the name.
Difference = tuple[str, str | None, str | None]


class TermsBook:
    """
    What one robot bids by, and which robots bid by something else.

    :ivar own: its own settings, in the order of their names.
    """

    def __init__(self, config: BidderConfig, scoring: Scoring) -> None:
        settings = {'method': config.method.value, **scoring.settings()}
        if config.method is Method.GREEDY:
            # Each figures out what the others take; in CBBA it is a robot's own affair.
            settings['bundle_max'] = str(config.bundle_max)
        self.own: Terms = tuple(
            [(name, value[:TERM_CHARACTERS_MAX]) for name, value in sorted(settings.items())]
        )
        self.hash = _hash(self.own)
        self._others: dict[str, Terms] = {}

    def is_news(self, robot: str, terms_hash: bytes) -> bool:
        """Note the hash of another robot; returns whether it is to be asked for its settings."""
        if terms_hash == self.hash:
            self._others.pop(robot, None)
            return False
        known = self._others.get(robot)
        return known is None or _hash(known) != terms_hash

    def put(self, robot: str, terms: Terms) -> None:
        """Note the settings of another robot."""
        if terms == self.own:
            self._others.pop(robot, None)
        else:
            self._others[robot] = terms

    def differences(self) -> dict[str, tuple[Difference, ...]]:
        """Return what differs, by robot and in the order of their names."""
        own = dict(self.own)
        found = {}
        for robot, terms in sorted(self._others.items()):
            theirs = dict(terms)
            found[robot] = tuple(
                [
                    (name, theirs.get(name), own.get(name))
                    for name in sorted(own.keys() | theirs.keys())
                    if theirs.get(name) != own.get(name)
                ]
            )
        return found


def _hash(terms: Terms) -> bytes:
    text = ''.join([f'{name}\0{value}\n' for name, value in terms])
    data = text.encode('utf-8', 'surrogatepass')
    return hashlib.blake2b(data, digest_size=HASH_BYTES).digest()
