"""A swarm runs one model: the same in every bit, after losses, lies, reboots and absence."""

from __future__ import annotations

from dataclasses import replace

from hypothesis import given, settings
from hypothesis import strategies as st
import numpy as np
import pytest
from swarm_testing.model_swarm import ModelSwarm

from swarm_consensus.protocols.parameters.architecture import Architecture, Tensor
from swarm_consensus.protocols.parameters.blobs import Blob, cut
from swarm_consensus.protocols.parameters.errors import ParametersError
from swarm_consensus.protocols.parameters.merge import Rule, RuleKind
from swarm_consensus.protocols.parameters.quantise import Encoding

# Three chunks of parameters as float32.
ARCHITECTURE = Architecture([Tensor('w', (100, 200)), Tensor('b', (300,))])
TRIMMED = Rule(RuleKind.TRIMMED_MEAN, 1)


def vector(seed: int, scale: float = 1.0) -> np.ndarray:
    random = np.random.default_rng(seed)
    return (scale * random.normal(size=ARCHITECTURE.count)).astype(np.float32)


INITIAL = vector(0)


def swarm(count: int = 3, **options) -> ModelSwarm:
    return ModelSwarm(count, ARCHITECTURE, INITIAL, **options)


def learnt(net: ModelSwarm, seed: int) -> dict[str, np.ndarray]:
    """What each robot makes of the parameters that it runs."""
    return {
        robot.name: robot.vector + vector(1000 * seed + n + 1, 0.01)
        for n, robot in enumerate(net.up)
    }


@settings(max_examples=15, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    loss=st.sampled_from([0.0, 0.2]),
    late_max=st.sampled_from([1, 10]),
    rule=st.sampled_from([Rule(), TRIMMED]),
    encoding=st.sampled_from(Encoding),
)
def test_all_robots_run_the_same_bits_whatever_order_things_come_in(
    seed, loss, late_max, rule, encoding
):
    net = swarm(4, seed=seed, loss=loss, late_max=late_max, rule=rule, encoding=encoding)
    for number in range(3):
        net.round(learnt(net, seed % 999 + number), f'r{number:02}', 3)
        assert not np.array_equal(net.agreed(), INITIAL)
    # Everyone but perhaps the late ones made the versions themselves.
    assert sum(robot.made for robot in net.robots.values()) >= 3
    assert not any(robot.refused for robot in net.robots.values())


def test_the_result_is_the_mean_of_what_was_learnt():
    net = swarm(3, encoding=Encoding.FLOAT32)
    wanted = learnt(net, 1)
    net.round(wanted, 'r00', 3)
    mean = sum(each.astype(float) for each in wanted.values()) / 3
    assert np.allclose(net.agreed(), mean, atol=1e-6)


def test_error_feedback_goes_on_over_versions():
    net = swarm(3, encoding=Encoding.INT8)
    # Every robot wants the same small step in each round; rounded alone, most of it would be lost.
    step = np.full(ARCHITECTURE.count, 1e-4, np.float32)
    step[::256] = 0.1
    for _ in range(20):
        net.round({r.name: r.vector + step for r in net.up}, 'r00', 3)
    moved = (net.agreed() - INITIAL)[1::256]
    assert np.allclose(moved, 20 * 1e-4, atol=4e-4)


def test_a_robot_that_was_away_gets_the_version_in_force():
    net = swarm(4)
    net.round(learnt(net, 1), 'r00', 4)
    net.down.add('r03')
    for number in (2, 3):
        net.round(learnt(net, number), 'r01', 3)
    late = net.robots['r03']
    made = late.made
    net.down.clear()
    net.run(lambda: net.follows(late))
    net.agreed()
    # The base was never here, so the result itself was fetched.
    assert late.made == made


def test_a_robot_that_lost_its_memory_goes_on_from_its_disk():
    net = swarm(3)
    net.round(learnt(net, 1), 'r00', 3)
    before, bytes_before = net.agreed(), net.bytes
    net.robots['r02'].reboot()
    net.run(lambda: net.follows(net.robots['r02']))
    assert np.array_equal(net.agreed(), before)
    assert net.bytes == bytes_before
    net.round(learnt(net, 2), 'r02', 3)
    net.agreed()


def test_a_robot_with_a_new_disk_gets_everything_from_the_others():
    net = swarm(3)
    net.round(learnt(net, 1), 'r00', 3)
    net.robots['r02'].kept.clear()
    net.robots['r02'].reboot()
    net.run(lambda: net.follows(net.robots['r02']))
    net.agreed()


def test_the_robots_that_made_it_may_be_gone():
    net = swarm(4)
    names = ['r00', 'r01', 'r02']
    net.down.add('r03')
    net.round(learnt(net, 1), 'r00', 3)
    net.down = {'r00', 'r01'}
    net.run(lambda: net.follows(net.robots['r03']))
    net.down.clear()
    assert {robot.name for robot in net.up} > set(names)
    net.agreed()


def test_contributions_that_do_not_come_in_time_are_not_waited_for():
    net = swarm(4)
    net.down.add('r03')
    for robot in net.up:
        robot.contribute(robot.vector + vector(7, 0.01))
    net.run(lambda: len(net.robots['r00'].exchange.complete) == 3)
    version = net.robots['r00'].proposal(3)
    # Of the updates nothing is left anywhere but at the proposer, which lost them as well.
    for robot in net.robots.values():
        for manifest in version.contributions:
            for chunk in cut_of(robot, manifest.update):
                robot.kept.pop(chunk, None)
    net.down.clear()
    net.decisions.append(version.encoded())
    late = net.robots['r03']
    net.run(lambda: net.follows(late), ticks_max=2000)
    assert late.made == 0


def cut_of(robot, blob: Blob) -> list[bytes]:
    from swarm_consensus.protocols.parameters.blobs import chunks_of

    return list(chunks_of(blob, robot.kept.get))


def test_a_liar_among_those_that_serve_delays_and_cannot_do_more():
    net = swarm(4)
    net.robots['r01'].lies = True
    net.down.add('r03')
    net.round(learnt(net, 1), 'r00', 2)
    net.down.clear()
    net.run(lambda: net.follows(net.robots['r03']))
    net.agreed()


def test_a_contribution_that_does_not_fit_is_refused_with_the_reason():
    net = swarm(2)
    robot = net.robots['r00']
    manifest = net.robots['r01'].contribute(INITIAL + 1)
    other = replace(manifest, version=manifest.version + 1, architecture=bytes(32))
    assert not robot.exchange.hear(other)
    odd = replace(manifest, update=Blob(5, manifest.update.root))
    assert not robot.exchange.hear(odd)
    robot.carry_out()
    assert 'it is for the architecture 000000000000' in robot.refused[0]
    assert 'its update has 5 bytes' in robot.refused[1]
    assert robot.exchange.refused['CONTRIBUTION'] == 2
    assert not robot.transfer.wanted


def test_a_contribution_whose_bytes_are_no_update_is_left_out():
    net = swarm(4, encoding=Encoding.FLOAT16)
    for robot in net.up[:3]:
        robot.contribute(robot.vector + vector(3, 0.01))
    poisoner = net.robots['r03']
    honest = poisoner.contribute(poisoner.vector)
    data = np.full(ARCHITECTURE.count, np.nan, '<f2').tobytes()
    blob, chunks = cut(data)
    poisoner.kept |= chunks
    poisoner.exchange.hear(replace(honest, version=honest.version + 1, update=blob))
    one = net.robots['r00']

    def known() -> bool:
        return {each.update for each in one.exchange.complete} >= {blob} and len(
            one.exchange.complete
        ) == 4

    net.run(known)
    with pytest.raises(ParametersError, match='not finite'):
        one.proposal(3)
    version = one.proposal(3)
    assert [each.robot for each in version.contributions] == ['r00', 'r01', 'r02']
    net.decisions.append(version.encoded())
    net.run(lambda: all(map(net.follows, net.up)))
    net.agreed()


def test_what_is_decided_and_no_version_changes_nothing():
    net = swarm(3)
    net.round(learnt(net, 1), 'r00', 3)
    before = net.agreed()
    good = net.robots['r00'].exchange
    version = good._version
    assert version is not None
    bad = [
        b'',
        b'nonsense',
        replace(version, architecture=bytes(32), contributions=tuple(
            replace(each, architecture=bytes(32)) for each in version.contributions
        )).encoded(),
        replace(version, result=Blob(version.result.size - 4, version.result.root)).encoded(),
    ]
    for value in bad:
        net.decisions.append(value)
        net.run(lambda: all(map(net.follows, net.up)))
        assert np.array_equal(net.agreed(), before)
    assert all(robot.exchange.refused['DECISION'] >= 1 for robot in net.up)
    # And the swarm goes on from what is in force.
    net.round(learnt(net, 2), 'r01', 3)
    assert not np.array_equal(net.agreed(), before)


def test_a_result_that_is_not_what_the_merge_gives_is_fetched_as_it_was_decided():
    net = swarm(3)
    for robot in net.up:
        robot.contribute(robot.vector + vector(5, 0.01))
    net.run(lambda: all(len(robot.exchange.complete) == 3 for robot in net.up))
    one = net.robots['r00']
    version = one.proposal(3)
    # The proposer has other bits than its own merge has, on a damaged machine for instance.
    other = INITIAL + 1
    blob, chunks = cut(other.astype('<f4').tobytes())
    one.kept |= chunks
    net.decisions.append(replace(version, result=blob).encoded())
    net.run(lambda: all(map(net.follows, net.up)))
    assert np.array_equal(net.agreed(), other)
    assert any('has another result' in text for text in net.robots['r01'].refused)


def test_too_few_contributions_are_not_merged():
    net = swarm(3, rule=TRIMMED)
    for name in ('r00', 'r01'):
        net.robots[name].contribute(INITIAL + 1)
    one = net.robots['r00']
    net.run(lambda: len(one.exchange.complete) == 2)
    with pytest.raises(ParametersError, match=r'2 contributions .* \(r00, r01\), and 3 are needed'):
        one.proposal()


def test_contributions_to_what_is_no_longer_in_force_are_left_out():
    net = swarm(3)
    for robot in net.up:
        robot.contribute(robot.vector + vector(5, 0.01))
    one = net.robots['r00']
    net.run(lambda: len(one.exchange.complete) == 3)
    net.decisions.append(one.proposal(3).encoded())
    net.run(lambda: all(map(net.follows, net.up)))
    assert one.exchange.complete == ()
    assert all(robot.exchange.own is None for robot in net.up)
    assert one.exchange.propose(1).startswith('0 contributions')
