"""
Batches in fewer bytes: zstd (RFC 8878), where it gains.

A batch begins with a MessagePack array, a compressed one with the magic number of a zstd frame, so
the first byte tells them apart. What is signed is what is on the wire. Nothing that a peer sends
makes a receiver take more memory than its largest batch: the frame must say how large its content
is, and that is looked at first.
"""

from __future__ import annotations

import zstandard

from swarm_consensus.transport.errors import MalformedError, OversizeError
from swarm_consensus.transport.frame import TrafficClass

# The first byte of 28 b5 2f fd, which is no MessagePack array.
MARK = 0x28
# The fastest of the ordinary levels, a few tens of microseconds a frame; higher ones gain little.
_LEVEL = 1
# A compressed batch must be smaller by this share, or every receiver works for nothing.
_GAIN = 8
# After so many batches in a row that gained nothing one more is tried, twice as many each time.
_PAUSE_MAX = 64
# Of the window that a frame asks for; what it holds is smaller.
WINDOW_BYTES_MAX = 1 << 20
# Largest frame_bytes_max that a swarm may have, for those who only look at frames.
BATCH_BYTES_MAX = 1_000_000


class Compressor:
    """
    Compresses the batches of one sender, class by class, as far as it gains.

    :param bytes_min: smaller batches are left as they are.
    """

    def __init__(self, bytes_min: int) -> None:
        self.bytes_min = bytes_min
        self._zstd = zstandard.ZstdCompressor(level=_LEVEL, write_checksum=False)
        # Batches of a class to be let through before the next try, and how many the last pause had.
        self._pause = [0] * len(TrafficClass)
        self._pauses = [0] * len(TrafficClass)

    def compress(self, traffic_class: TrafficClass, batch: bytes) -> bytes:
        """Return a batch compressed, or as it is where that gains too little."""
        # Two frames of the agreement may have to be shown as a proof, and are hashes mostly.
        if traffic_class is TrafficClass.AGREEMENT or len(batch) < self.bytes_min:
            return batch
        if self._pause[traffic_class]:
            self._pause[traffic_class] -= 1
            return batch
        compressed = self._zstd.compress(batch)
        if len(compressed) <= len(batch) - len(batch) // _GAIN:
            self._pauses[traffic_class] = 0
            return compressed
        pause = min(2 * self._pauses[traffic_class] or 1, _PAUSE_MAX)
        self._pause[traffic_class] = self._pauses[traffic_class] = pause
        return batch


class Expander:
    """
    Expands the batches of peers.

    :param bytes_max: largest batch, expanded; no more memory is ever taken.
    """

    def __init__(self, bytes_max: int = BATCH_BYTES_MAX) -> None:
        self._bytes_max = bytes_max
        self._zstd = zstandard.ZstdDecompressor(max_window_size=WINDOW_BYTES_MAX)

    def expand(self, batch: bytes) -> bytes:
        """
        Return a batch as it was before it was compressed, or as it is where it was not.

        :raises OversizeError: it says that it holds more than is allowed.
        :raises MalformedError: whatever else is wrong with a compressed one.
        """
        if not batch or batch[0] != MARK:
            return batch
        try:
            frame = zstandard.get_frame_parameters(batch)
            size = frame.content_size
            if size == zstandard.CONTENTSIZE_UNKNOWN or frame.dict_id:
                raise MalformedError('a compressed batch must say its size, and use no dictionary')
            if size > self._bytes_max or frame.window_size > WINDOW_BYTES_MAX:
                raise OversizeError(
                    f'a compressed batch of {size} bytes, and {self._bytes_max} are allowed'
                )
            return self._zstd.decompress(batch, allow_extra_data=False)
        except zstandard.ZstdError as error:
            raise MalformedError(str(error)) from error
