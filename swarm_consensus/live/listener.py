"""
Looks on at a running swarm for programs that are no nodes: ears (ears.py) in a thread of their own.
"""

from __future__ import annotations

import threading
from types import TracebackType
from typing import Self

from rclpy.node import Node

from swarm_consensus.live.ears import Ears
from swarm_consensus.nodes.executor import SPIN_PERIOD, make_context, make_executor
from swarm_consensus.views.picture import Picture
from swarm_consensus.views.values import Snapshot


class Listener:
    """
    A node of its own in a thread of its own; a context manager.

    :param swarm: whose robots are looked at; '': the first one that is heard.
    :param picture: that is told; None: a new one.
    """

    def __init__(self, swarm: str = '', picture: Picture | None = None) -> None:
        self._swarm = swarm
        self._picture = picture

    def __enter__(self) -> Self:
        self._context = make_context()
        try:
            self._node = Node(
                'swarm_view',
                context=self._context,
                enable_rosout=False,
                start_parameter_services=False,
            )
            self._ears = Ears(self._node, self._swarm, self._picture)
            self._executor = make_executor(self._context)
        except BaseException:
            self._context.try_shutdown()
            raise
        self._executor.add_node(self._node)
        self._stopping = False
        self._failure: BaseException | None = None
        self._thread = threading.Thread(target=self._spin, name='swarm_view', daemon=True)
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._stopping = True
        self._executor.create_task(lambda: None)  # ends the wait of spin_once
        self._thread.join()
        self._ears.close()
        self._executor.shutdown()
        self._node.destroy_node()
        self._context.try_shutdown()

    def _spin(self) -> None:
        try:
            while not self._stopping and self._context.ok():
                self._executor.spin_once(timeout_sec=SPIN_PERIOD)
        except BaseException as error:  # noqa: BLE001 -- raised where the picture is looked at
            self._failure = error

    # -- for the other threads ---------------------------------------------------------------------

    def look(self) -> Snapshot:
        """
        Return how all stands now.

        :raises RuntimeError: the thread that listens has failed.
        """
        if self._failure is not None:
            raise RuntimeError('listening to the swarm has failed') from self._failure
        return self._ears.look()

    def namespace_of(self, robot: str) -> str:
        """Return the namespace of a robot of the swarm; '': it was never heard."""
        return self._ears.namespace_of(robot)
