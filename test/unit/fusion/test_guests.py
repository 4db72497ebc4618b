"""Guests among the robots around one: heard and served, and in no mask on the wire."""

from __future__ import annotations

from swarm_consensus.protocols.fusion.messages import Hello
from swarm_consensus.protocols.fusion.neighbours import Neighbours

NAMED = ('r1', 'r2', 'r3')


def hello(neighbours: Neighbours, heard: int) -> Hello:
    return Hello(
        roster=neighbours.roster, incarnation=1, beat=1, heard=bytes((heard,)), digests=(), signs=()
    )


def test_a_guest_is_a_neighbour_and_stands_in_no_mask() -> None:
    it = Neighbours('r1', NAMED, 100, 200)
    it.join('guest')
    assert it.greeted('r2', hello(it, 0b111), 0)
    assert it.greeted('guest', hello(it, 0b001), 0)
    assert it.near == {'r2', 'guest'} and it.mask() == b'\x02'
    # Sums go through robots of the swarm alone.
    assert set(it.hears()) == {1}
    # Nobody is known to hear the guest, so what it says is said again; r2 hears r3, the guest not.
    assert list(it.deaf_to('guest')) == ['r2']
    assert list(it.deaf_to('r3')) == ['guest']
    # The guest does not hear r2; signs of life of the guest itself have no place to stand in.
    assert it.signs_to_tell(1) == ((1, 1, 1),)


def test_places_of_guests_that_left_are_used_again() -> None:
    it = Neighbours('r1', NAMED, 100, 200)
    for number in range(100):
        it.join(f'guest {number}')
        it.greeted(f'guest {number}', hello(it, 0), number)
        assert it.places[f'guest {number}'] == 3
        it.leave(f'guest {number}')
    assert it.near == set() and set(it.places) == set(NAMED)
    # Those of the swarm keep theirs.
    it.leave('r2')
    assert it.places['r2'] == 1


def test_a_guest_itself_has_a_place_that_nobody_else_gets() -> None:
    it = Neighbours('guest', NAMED, 100, 200)
    it.join('other')
    assert (it.places['guest'], it.places['other']) == (3, 4)
    it.leave('guest')
    assert it.places['guest'] == 3


def test_a_mask_from_outside_cannot_name_a_guest() -> None:
    it = Neighbours('r1', NAMED, 100, 200)
    it.join('guest')
    it.greeted('r2', hello(it, 0b1111_1111), 0)
    assert list(it.deaf_to('guest')) == ['r2']
