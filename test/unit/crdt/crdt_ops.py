"""Random operations on replicas, and small helpers that all tests of the shared state use."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random

from swarm_consensus.protocols.crdt import Delta, Kind, Replica, ReplicaConfig, State
from swarm_consensus.protocols.crdt.state import whole

KEYS = ('a', 'a/b', 'a/c', 'd')
ITEMS = (b'x', b'y', b'')
NAMES = ('put', 'assign', 'add', 'grow', 'discard', 'increment', 'remove', 'remove_map')


@dataclass(frozen=True)
class Op:
    """One local operation."""

    name: str
    key: str
    item: bytes = b''
    amount: int = 0
    now_ms: int = 0

    def do(self, replica: Replica) -> None:
        """Carry it out."""
        if self.name == 'put':
            replica.put(self.key, self.item, self.now_ms)
        elif self.name == 'assign':
            replica.assign(self.key, self.item)
        elif self.name == 'add':
            replica.add(self.key, self.item)
        elif self.name == 'grow':
            replica.add(self.key, self.item, Kind.GROW_SET)
        elif self.name == 'discard':
            replica.discard(self.key, self.item)
        elif self.name == 'increment':
            replica.increment(self.key, self.amount)
        elif self.name == 'remove':
            replica.remove(self.key)
        else:
            replica.remove('a/')


def random_op(random: Random, now_ms: int = 0) -> Op:
    """Draw an operation; clocks of robots differ by up to 10 ms."""
    return Op(
        random.choice(NAMES),
        random.choice(KEYS),
        random.choice(ITEMS),
        random.randint(-3, 3),
        now_ms + random.randrange(10),
    )


def replica(name: str, seed: int = 0, **changes: int) -> Replica:
    """Return a new replica."""
    return Replica(ReplicaConfig(name, **changes), 1, Random(f'{seed}/{name}'))


def deltas(of: Replica) -> list[Delta]:
    """Take what a replica tells everybody."""
    effects = of.take_effects()
    return [] if effects is None else [s.message for s in effects.send if type(s.message) is Delta]


def joined(*parts: Delta | State) -> State:
    """Return the join of states and deltas, in that order."""
    state = State()
    for part in parts:
        state.join(whole(part) if isinstance(part, State) else part)
    return state


def merge(to: Replica, state: State) -> None:
    """Let a replica take in a whole state."""
    to.receive('peer', whole(state), 0)


def read(state: State) -> dict[tuple[str, Kind], object]:
    """Return what users read, key by key and type by type."""
    from swarm_consensus.protocols.crdt import kinds

    found: dict[tuple[str, Kind], object] = {}
    for key in state.keys():
        for kind in state.kinds_of(key):
            writes = state.writes_of(key, kind)
            if kind is Kind.REGISTER:
                found[key, kind] = kinds.winner(writes)[6]
            elif kind is Kind.MULTI:
                found[key, kind] = kinds.values_of(writes)
            elif kind is Kind.COUNTER:
                found[key, kind] = kinds.count_of(writes)
            else:
                found[key, kind] = kinds.items_of(writes)
    return found
