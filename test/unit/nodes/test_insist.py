"""What the middleware gives up is published again."""

from __future__ import annotations

import pytest

managed = pytest.importorskip('swarm_consensus.nodes.managed')
RCLError = managed.rclpy_implementation.RCLError


class Busy:
    """Gives up so many times."""

    def __init__(self, times: int) -> None:
        self.times = times
        self.published: list[str] = []

    def publish(self, message: str) -> None:
        if self.times:
            self.times -= 1
            raise RCLError('cannot publish data')
        self.published.append(message)


@pytest.mark.parametrize('times', [0, 1, managed.PUBLISH_TRIES - 1])
def test_a_message_that_is_given_up_is_published_once(times: int) -> None:
    busy = Busy(times)
    managed.insist(busy.publish)('a')
    assert busy.published == ['a']


def test_what_never_succeeds_is_an_error() -> None:
    busy = Busy(1_000)
    with pytest.raises(RCLError):
        managed.insist(busy.publish)('a')
    assert busy.times == 1_000 - managed.PUBLISH_TRIES
