"""
Puts to etcd over gRPC with next to no cost at the client: HTTP/2 frames made by hand.

One connection, one stream a put. All requests are the same bytes but for the number of the stream
and the key, and of an answer only what tells success is read, so that the client, which shares the
machine with the servers, takes as little of it as a client can.
"""

from __future__ import annotations

from collections.abc import Iterator
import socket
import struct

from bench.load import VALUE

_PREFACE = b'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n'
_DATA, _HEADERS, _RESET, _SETTINGS, _PING, _GO_AWAY, _WINDOW = 0, 1, 3, 4, 6, 7, 8
_END_STREAM, _END_HEADERS, _ACK = 0x1, 0x4, 0x1
_FRAME = struct.Struct('>HBBBI')  # length in 16 + 8 bits, type, flags, stream
_WINDOW_BYTES = 1 << 30
_ANSWER_DEADLINE_S = 30.0


def _literal(name: bytes, value: bytes) -> bytes:
    """Return a header field that is not indexed (RFC 7541, 6.2.2); both shorter than 127 bytes."""
    return b'\0' + bytes((len(name),)) + name + bytes((len(value),)) + value


class EtcdError(RuntimeError):
    """Etcd refused a put, or ended the connection."""


class EtcdClient:
    """
    A connection to one member.

    :param port: of the member's clients, on loopback.
    """

    def __init__(self, port: int) -> None:
        self._socket = socket.create_connection(('127.0.0.1', port), timeout=_ANSWER_DEADLINE_S)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._received = bytearray()
        self._unacknowledged = 0
        self._stream = 1
        self._answered: set[int] = set()
        self._header_block = b''.join(
            (
                b'\x83',  # :method POST
                b'\x86',  # :scheme http
                _literal(b':path', b'/etcdserverpb.KV/Put'),
                _literal(b':authority', f'127.0.0.1:{port}'.encode()),
                _literal(b'content-type', b'application/grpc'),
                _literal(b'te', b'trailers'),
            )
        )
        # Setting 4: what a stream may send us before we say that there is room again.
        settings = struct.pack('>HI', 4, _WINDOW_BYTES)
        self._socket.sendall(
            _PREFACE
            + _frame(_SETTINGS, 0, 0, settings)
            + _frame(_WINDOW, 0, 0, struct.pack('>I', _WINDOW_BYTES))
        )

    def close(self) -> None:
        """End the connection."""
        self._socket.close()

    def request(self, key: bytes) -> tuple[int, bytes]:
        """Return the stream of a new put and the bytes to send for it."""
        stream, self._stream = self._stream, self._stream + 2
        # PutRequest: key = 1, value = 2, both of wire type 2.
        put = b'\x0a' + bytes((len(key),)) + key + b'\x12' + bytes((len(VALUE),)) + VALUE
        message = b'\0' + len(put).to_bytes(4, 'big') + put
        return stream, (
            _frame(_HEADERS, _END_HEADERS, stream, self._header_block)
            + _frame(_DATA, _END_STREAM, stream, message)
        )

    def send(self, data: bytes) -> None:
        """Send requests."""
        self._socket.sendall(data)

    def receive(self) -> list[int]:
        """
        Wait for something from etcd, and return the streams of the puts that are done.

        :raises EtcdError: a put failed.
        """
        data = self._socket.recv(1 << 18)
        if not data:
            raise EtcdError('etcd closed the connection')
        self._received += data
        done: list[int] = []
        for kind, flags, stream, payload in self._frames():
            if kind == _DATA:
                self._answered.add(stream)
                self._make_room(len(payload))
            elif kind == _HEADERS and flags & _END_STREAM:
                # Trailers. What failed has these only, and no message before them.
                if stream not in self._answered:
                    raise EtcdError(f'a put failed: {payload!r}')
                self._answered.remove(stream)
                done.append(stream)
            elif kind in (_SETTINGS, _PING) and not flags & _ACK:
                answer = payload if kind == _PING else b''
                self._socket.sendall(_frame(kind, _ACK, 0, answer))
            elif kind in (_RESET, _GO_AWAY):
                raise EtcdError(f'etcd ended {"the connection" if not stream else "a stream"}')
        return done

    def _frames(self) -> Iterator[tuple[int, int, int, bytes]]:
        buffer = self._received
        at = 0
        while len(buffer) - at >= _FRAME.size:
            high, low, kind, flags, stream = _FRAME.unpack_from(buffer, at)
            end = at + _FRAME.size + (high << 8 | low)
            if len(buffer) < end:
                break
            yield kind, flags, stream, bytes(buffer[at + _FRAME.size : end])
            at = end
        del buffer[:at]

    def _make_room(self, size: int) -> None:
        self._unacknowledged += size
        if self._unacknowledged > _WINDOW_BYTES // 2:
            room = struct.pack('>I', self._unacknowledged)
            self._socket.sendall(_frame(_WINDOW, 0, 0, room))
            self._unacknowledged = 0


def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
    size = len(payload)
    return _FRAME.pack(size >> 8, size & 0xFF, kind, flags, stream) + payload
