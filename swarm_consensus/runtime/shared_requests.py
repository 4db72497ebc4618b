"""
Which changes of the shared state were done already, for clients that ask again.

A client that got no answer repeats its request, also to a robot that was rebooted meanwhile. What
it asked for is done once: the id of a request is durable together with what it did. The newest are
kept, in a ring of records of their own.
"""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable

from swarm_consensus.protocols.agreement.records import Record
from swarm_consensus.protocols.values import value
from swarm_consensus.transport.codec import Codec

PREFIX = 'shared_request/'
REMEMBERED_MAX = 1024


@value
class DoneRequest:
    """
    A request that was done.

    :param number: counts them at this robot, over all boots.
    :param found: what was answered.
    """

    number: int
    request_id: str
    found: bool


_REQUESTS: Codec[DoneRequest] = Codec({1: DoneRequest})


class RecentRequests:
    """
    The newest requests that were done.

    :param records: of the ring, as the store gave them back.
    :raises MalformedError: a record is none that this package wrote.
    """

    def __init__(self, records: Iterable[Record]) -> None:
        done = [_REQUESTS.decode(record.data) for record in records if record.data is not None]
        done.sort(key=lambda each: each.number)
        self._number = done[-1].number if done else 0
        self._found = OrderedDict((each.request_id, each.found) for each in done)
        self._unkept: list[Record] = []

    def outcome(self, request_id: str) -> bool | None:
        """Return what was answered to a request that was done; None: it is not known to be."""
        return self._found.get(request_id)

    def done(self, request_id: str, found: bool) -> None:
        """Remember a request that was done just now."""
        self._number += 1
        self._found[request_id] = found
        if len(self._found) > REMEMBERED_MAX:
            self._found.popitem(last=False)
        self._unkept.append(
            Record(
                f'{PREFIX}{self._number % REMEMBERED_MAX}',
                _REQUESTS.encode(DoneRequest(self._number, request_id, found)),
            )
        )

    @property
    def unkept(self) -> tuple[Record, ...]:
        """Return the records that are not durable yet."""
        return tuple(self._unkept)

    def kept(self) -> None:
        """Note that they are."""
        self._unkept.clear()
