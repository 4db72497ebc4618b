"""
A program that forges frames in a swarm with keys, as frame_sprayer.py does noise in one without.

It holds the key of one robot of the swarm and keys of its own, and everything but them is right in
what it sends: a robot that did not check the signature would take it for a frame of the robot that
it names, of a far later boot.
"""

from __future__ import annotations

from array import array
from pathlib import Path
from random import Random
import sys

from swarm_consensus.msg import Frame
from swarm_consensus.nodes.convert import frame_from_message
from swarm_consensus.runtime.members import NameInUse, Presence
from swarm_consensus.runtime.wire import MESSAGES
from swarm_consensus.transport.dealing import deal
from swarm_consensus.transport.key_files import load_keys
from swarm_consensus.transport.signing import Signer
from swarm_testing.frame_sprayer import Fate, Spoil, arguments, run
from swarm_testing.robot_processes import SWARM

LARGEST = 2**64 - 1
# At the robot that it names as well: it is told apart there by its nonce.
FORGED: Fate = ('forged', 'forged')
# A robot whose key the program has is named by none of its frames; this one is.
STRANGER: Fate = ('stranger', 'stranger')


def _ahead(random: Random, frame: Frame) -> Frame:
    """Make a real frame one that would lock the true sender out, if anybody believed it."""
    frame.incarnation = LARGEST
    frame.nonce = LARGEST
    frame.sequence = LARGEST - random.getrandbits(40)
    return frame


def _unsigned(random: Random, frame: Frame) -> Frame:
    frame.signature = array('B')
    return _ahead(random, frame)


def _old_signature(random: Random, frame: Frame) -> Frame:
    return _ahead(random, frame)


def _one_bit(random: Random, frame: Frame) -> Frame:
    # A real frame but for one bit of the batch, and a nonce that tells it from the real one.
    frame.nonce ^= 1 << random.randrange(64)
    at = random.randrange(len(frame.batch))
    frame.batch[at] ^= 1 << random.randrange(8)
    frame.incarnation += 1
    return frame


def _length(size: int) -> Spoil:
    def spoil(random: Random, frame: Frame) -> Frame:
        frame.signature = array('B', random.randbytes(size))
        return _ahead(random, frame)

    return spoil


def _signed_by(signer: Signer) -> Spoil:
    def spoil(random: Random, frame: Frame) -> Frame:
        return _sign(signer, _ahead(random, frame))

    return spoil


def _says(signer: Signer, message: object, to_itself: bool) -> Spoil:
    """Say that somebody bears, or probes for, the name of the robot."""

    def spoil(random: Random, frame: Frame) -> Frame:
        frame = _ahead(random, frame)
        frame.traffic_class = Frame.CLASS_ELECTION
        frame.to = frame.sender if to_itself else ''
        frame.batch = array('B', MESSAGES.encode_batch([message]))
        return _sign(signer, frame)

    return spoil


def _sign(signer: Signer, frame: Frame) -> Frame:
    found = frame_from_message(frame)
    frame.signature = array('B', signer.sign(found.header, found.batch))
    return frame


def _nobody(random: Random, frame: Frame) -> Frame:
    frame.sender = 'nobody'
    return _ahead(random, frame)


def kinds(folder: Path, robots: list[str], insider: str) -> dict[str, tuple[Fate, Spoil]]:
    """Return what is forged, by somebody who holds the key of one robot."""
    strange = Signer(deal(SWARM, robots, 0)[robots[0]].signing_key)
    peer = Signer(load_keys(folder, SWARM, insider, [*robots, insider]).signing_key)
    return {
        'unsigned': (FORGED, _unsigned),
        'signature of another frame': (FORGED, _old_signature),
        'one bit': (FORGED, _one_bit),
        'signature too short': (FORGED, _length(63)),
        'signature too long': (FORGED, _length(10_000)),
        'noise for a signature': (FORGED, _length(64)),
        'signed by a key of nobody': (FORGED, _signed_by(strange)),
        'signed by another robot': (FORGED, _signed_by(peer)),
        'sign of life': (FORGED, _says(peer, Presence(probing=False), False)),
        'probe for the name': (FORGED, _says(peer, Presence(probing=True), True)),
        'name in use': (FORGED, _says(peer, NameInUse(robots[0], 1, 1), False)),
        'unknown sender': (STRANGER, _nobody),
    }


def main() -> int:
    """Listen, forge, and stay until what was sent has been taken."""
    parser = arguments(__doc__)
    parser.add_argument('--keys', type=Path, required=True, help='folder with the keys')
    parser.add_argument('--insider', required=True, help='robot whose key this program has')
    options = parser.parse_args()
    return run(options, kinds(options.keys, options.robots, options.insider))


if __name__ == '__main__':
    sys.exit(main())
