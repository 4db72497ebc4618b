"""
What a robot said in agreements, as a storage keeps it: small rows, each under a key.

A robot that forgets what it said may say something else after a reboot, which is a lie to those
that heard both. So a record is durable before what it holds is sent, and a robot that lost its
records stays silent wherever it may have spoken.
"""

from __future__ import annotations

from swarm_consensus.protocols.values import value

# The record of a storage that lost all others; `Recovered.records_lost` tells whether it is there.
# It outlives reboots until it is removed like any other record, best in the same batch as what is
# written in its stead. A robot that comes back on an empty disk may be given it, too.
RECORDS_LOST_KEY = 'records_lost'


@value
class Record:
    """
    One row to write or to remove.

    :param key: any text that UTF-8 can hold; a record takes the place of the one of the same key.
    :param data: what to keep; None: remove the record of that key, if there is one.
    """

    key: str
    data: bytes | None
