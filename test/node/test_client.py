"""The Python client against real robots: three consensus_node processes over DDS."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path
import threading
import time
from typing import Any

import pytest
from swarm_testing.node_probe import NodeProbe
from swarm_testing.processes import ProcessGroup
from swarm_testing.swarm_processes import SwarmProcesses, shared_swarm

from swarm_consensus.client import (
    AsyncioSwarmClient,
    ClientClosedError,
    Decision,
    Level,
    NoAnswerError,
    Progress,
    RobotNotFoundError,
    RobotStatus,
    Status,
    SwarmClient,
)
from swarm_consensus.msg import Belief

LABELS = ['stop', 'go', 'yield']
YAML = f"""
swarm: client_test
robots: 3
# A leader stays in office on a full machine, so that terms and statuses may be compared.
consensus: {{election_ticks: 100}}
subjects:
  sign: {{labels: {LABELS}, quorum: all, deadline: 5.0}}
"""
LIMIT = 60.0  # s; only ever waited for in full when something is broken


@pytest.fixture(scope='module')
def swarm(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SwarmProcesses]:
    """Three robots for all tests of this module that leave them alone."""
    with shared_swarm(tmp_path_factory.mktemp('swarm'), YAML) as robots:
        yield robots


@pytest.fixture
def own_swarm(processes: ProcessGroup, tmp_path: Path) -> SwarmProcesses:
    """Three robots of this test alone, which may kill them."""
    robots = SwarmProcesses(processes, tmp_path / 'swarm', YAML)
    robots.start()
    robots.wait_for_quorum()
    return robots


def with_client(
    work: Callable[[AsyncioSwarmClient], Awaitable[Any]], robot: str = 'robot_1'
) -> Any:
    """Run a coroutine function with a connected client in a loop of its own."""

    async def main() -> Any:
        async with SwarmClient.connect(robot=robot) as client:
            return await work(client)

    return asyncio.run(asyncio.wait_for(main(), LIMIT))


async def believe(probe: NodeProbe, robot: str, subject: str, label: str) -> None:
    """Publish beliefs as a robot's own inference would, until cancelled."""
    publisher = probe.publisher(Belief, f'/{robot}/belief')
    sequence = 0
    while True:  # the first ones may be lost while the endpoints are being matched
        sequence += 1
        message = Belief(robot=robot, subject=subject, labels=LABELS, sequence=sequence)
        message.header.stamp = probe.node.get_clock().now().to_msg()
        message.log_likelihood = [-0.05 if known == label else -4.0 for known in LABELS]
        publisher.publish(message)
        await asyncio.sleep(0.2)


# -- from asyncio ---------------------------------------------------------------------------------


def test_a_proposal_is_committed_and_every_robot_reads_it(swarm: SwarmProcesses) -> None:
    async def work(client: AsyncioSwarmClient) -> tuple[Decision, int]:
        decision = await client.propose('map', 'cellar', b'\x00\xff')
        return decision, (await client.status()).term

    decision, term = with_client(work)
    assert decision.raise_for_status() is decision
    assert decision.answered and decision.status is Status.DECIDED
    assert (decision.subject, decision.choice, decision.value) == ('map', 'cellar', b'\x00\xff')
    assert (decision.level, decision.revision, decision.proposer) == (
        Level.COMMITTED,
        1,
        'robot_1',
    )
    assert decision.index > 0 and decision.term == term and decision.stamp_ns > 0

    for robot in swarm.robots:
        reading = with_client(lambda client: client.read('map'), robot).raise_for_status()
        assert (reading.decision.choice, reading.decision.index) == ('cellar', decision.index)
        assert reading.applied_index >= decision.index and reading.applied_digest


def test_the_log_is_read_in_pages(swarm: SwarmProcesses) -> None:
    async def work(client: AsyncioSwarmClient) -> None:
        made = [await client.propose('page', str(number)) for number in range(5)]
        first = (await client.read_log(made[0].index, 3)).raise_for_status()
        assert [decision.choice for decision in first.decisions] == ['0', '1', '2']
        rest = (await client.read_log(first.decisions[-1].index + 1)).raise_for_status()
        assert [decision.choice for decision in rest.decisions] == ['3', '4']

    with_client(work)


def test_a_read_of_what_was_never_decided_finds_nothing(swarm: SwarmProcesses) -> None:
    reading = with_client(lambda client: client.read('never')).raise_for_status()
    assert reading.decision is None and reading.decisions == ()


def test_decide_waits_for_the_evidence_and_tells_how_it_stands(swarm: SwarmProcesses) -> None:
    progress: list[Progress] = []

    async def work(client: AsyncioSwarmClient) -> Decision:
        waiting = asyncio.create_task(client.decide('sign/1', on_progress=progress.append))
        await asyncio.sleep(0.3)
        assert not waiting.done()
        with NodeProbe('/') as probe:
            sources = []
            for robot in swarm.robots:
                sources.append(asyncio.create_task(believe(probe, robot, 'sign/1', 'go')))
                await asyncio.sleep(0.1)
            decision = await waiting
            for source in sources:
                source.cancel()
            return decision

    decision = with_client(work)
    assert (decision.status, decision.choice) == (Status.DECIDED, 'go')
    assert decision.voters == swarm.robots and decision.confidence > 0.95
    assert progress and all(step.leading == 'go' for step in progress if step.robots)
    assert [len(step.robots) for step in progress] == sorted(len(s.robots) for s in progress)


def test_decide_gives_what_is_decided_already_and_waits_for_a_later_revision(
    swarm: SwarmProcesses,
) -> None:
    async def work(client: AsyncioSwarmClient) -> None:
        await client.propose('mode', 'search')
        assert (await client.decide('mode')).choice == 'search'
        waiting = asyncio.create_task(client.decide('mode', revision_min=2))
        await asyncio.sleep(0.2)
        assert not waiting.done()
        await client.propose('mode', 'return')
        decision = await waiting
        assert (decision.choice, decision.revision) == ('return', 2)

    with_client(work)


def test_decide_ends_undecided_at_its_timeout_as_a_status(swarm: SwarmProcesses) -> None:
    decision = with_client(lambda client: client.decide('silence', timeout=0.5))
    assert decision.status is Status.UNDECIDED and not decision.answered and decision.reason
    with pytest.raises(NoAnswerError, match='silence: UNDECIDED: ') as caught:
        decision.raise_for_status()
    assert caught.value.status is Status.UNDECIDED


def test_a_refusal_is_a_status_with_the_decision_in_force(swarm: SwarmProcesses) -> None:
    async def work(client: AsyncioSwarmClient) -> None:
        await client.propose('base', 'north')
        refused = await client.propose('base', 'south', expected_revision=0)
        assert (refused.status, refused.choice) == (Status.REFUSED, 'north')
        assert 'stands at revision 1' in refused.reason
        wrong = await client.propose('sign/9', 'halt')
        assert wrong.status is Status.REFUSED and 'not a label' in wrong.reason

    with_client(work)


def test_a_request_id_is_applied_once(swarm: SwarmProcesses) -> None:
    async def work(client: AsyncioSwarmClient) -> None:
        first, second = await asyncio.gather(
            client.propose('once', 'a', request_id='same'),
            client.propose('once', 'a', request_id='same'),
        )
        third = await client.propose('once', 'b', request_id='same')
        assert first.index == second.index == third.index and third.choice == 'a'
        assert (await client.read('once')).decision.revision == 1

    with_client(work)


def test_the_iterator_gives_each_decision_on_its_subject_once(swarm: SwarmProcesses) -> None:
    async def work(client: AsyncioSwarmClient) -> None:
        await client.propose('zone/1', 'past')
        watch = client.decisions('zone')
        late = client.decisions('zone', past=False)
        assert (await anext(watch)).choice == 'past'
        # The volatile one has to be matched, which is not to be seen but by what it hears.
        heard = asyncio.ensure_future(anext(late))
        count = 0
        while not heard.done():
            await client.propose('zone/0', str(count))
            count += 1
            await asyncio.wait([heard], timeout=0.2)
        first = int(heard.result().choice)
        assert [(await anext(watch)).choice for _ in range(count)] == [*map(str, range(count))]
        rest = [(await anext(late)).choice for _ in range(first + 1, count)]
        assert rest == [*map(str, range(first + 1, count))]
        for subject, choice in (('zone', 'x'), ('zones', 'other'), ('zone/2', 'y')):
            await client.propose(subject, choice)
        assert [(await anext(watch)).choice for _ in range(2)] == ['x', 'y']
        assert [(await anext(late)).choice for _ in range(2)] == ['x', 'y']

    with_client(work)


def test_what_names_no_answer_is_iterated_only_where_asked_for(swarm: SwarmProcesses) -> None:
    async def work(client: AsyncioSwarmClient) -> None:
        everything = client.decisions('sign/alone', answered_only=False)
        answers = client.decisions('sign/alone')
        with NodeProbe('/') as probe:  # one robot of three: the quorum is all
            source = asyncio.create_task(believe(probe, 'robot_1', 'sign/alone', 'stop'))
            assert (await anext(everything)).status is Status.UNDECIDED
            source.cancel()
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(anext(answers), 0.3)

    with_client(work)


def test_status_says_who_leads_and_goes_on_saying_so(swarm: SwarmProcesses) -> None:
    async def work(client: AsyncioSwarmClient) -> None:
        status = await client.status()
        assert (status.swarm, status.robot) == ('client_test', 'robot_1')
        assert status.leader in swarm.robots and status.has_quorum and status.quorum_size == 2
        assert {peer.robot for peer in status.peers} == set(swarm.robots) - {'robot_1'}
        watch = client.statuses()
        before = await anext(watch)
        index = (await client.propose('tick', '1')).index
        while (after := await anext(watch)).applied_index < index:
            pass
        assert isinstance(after, RobotStatus) and after.applied_digest != before.applied_digest

    with_client(work)


def test_a_robot_that_is_not_there_is_an_error(swarm: SwarmProcesses) -> None:
    async def main() -> None:
        async with SwarmClient.connect(robot='robot_9', timeout=1.0):
            pytest.fail('connected to nobody')

    begin = time.monotonic()
    with pytest.raises(RobotNotFoundError, match='no consensus_node answers in /robot_9'):
        asyncio.run(main())
    assert time.monotonic() - begin < 5.0


def test_cancelling_who_waits_cancels_the_goal(swarm: SwarmProcesses) -> None:
    async def work(client: AsyncioSwarmClient) -> None:
        with pytest.raises(TimeoutError):
            await asyncio.wait_for(client.decide('nothing', timeout=20.0), 0.3)
        assert (await client.propose('after', 'cancel')).answered

    with_client(work)


def test_closing_ends_what_is_under_way_and_leaves_no_thread(swarm: SwarmProcesses) -> None:
    async def main() -> None:
        async with SwarmClient.connect(robot='robot_1', node_name='leaver') as client:
            waiting = asyncio.create_task(client.decide('nothing', timeout=20.0))
            iterating = asyncio.ensure_future(anext(client.decisions('nothing')))
            await asyncio.sleep(0.3)
        with pytest.raises(ClientClosedError):
            await waiting
        with pytest.raises(StopAsyncIteration):
            await iterating
        with pytest.raises(ClientClosedError):
            await client.read('map')

    asyncio.run(asyncio.wait_for(main(), LIMIT))
    assert 'leaver' not in {thread.name for thread in threading.enumerate()}


def test_clients_of_several_robots_live_side_by_side(swarm: SwarmProcesses) -> None:
    async def main() -> None:
        async with (
            SwarmClient.connect(robot='robot_1') as one,
            SwarmClient.connect(namespace='/robot_2') as two,
        ):
            watch = two.decisions('side')
            made = await one.propose('side', 'by side')
            assert (await anext(watch)).index == made.index

    asyncio.run(asyncio.wait_for(main(), LIMIT))


# -- when robots fail -----------------------------------------------------------------------------


async def answered(ask: Callable[[], Awaitable[Any]]) -> Status:
    """Ask again where the answer was too late for the client, as it may be on a full machine."""
    for _ in range(5):
        answer = await ask()
        if answer.status is not Status.UNKNOWN:
            break
    return answer.status


def test_without_quorum_every_request_ends_with_that_status(own_swarm: SwarmProcesses) -> None:
    async def work(client: AsyncioSwarmClient) -> None:
        kept = await client.propose('kept', 'yes')
        for robot in ('robot_2', 'robot_3'):
            own_swarm.kill(robot)
        while (await client.status()).has_quorum:
            await asyncio.sleep(0.2)
        proposed = await client.propose('lost', 'no', timeout=1.0)
        assert proposed.status in (Status.NO_QUORUM, Status.UNKNOWN) and proposed.reason
        assert await answered(lambda: client.read('kept', timeout=1.0)) is Status.NO_QUORUM
        assert await answered(lambda: client.decide('lost', timeout=1.0)) is Status.NO_QUORUM
        at_once = await client.read('kept', linearizable=False)
        assert at_once.decision.index == kept.index
        own_swarm.start(['robot_2'])
        own_swarm.wait_for_quorum(['robot_2'])
        assert (await client.propose('again', 'yes', timeout=10.0)).answered

    with_client(work)


def test_a_robot_that_stalls_applies_a_repeated_request_once(own_swarm: SwarmProcesses) -> None:
    async def work(client: AsyncioSwarmClient) -> None:
        await client.propose('warm', 'up')
        process = own_swarm.consensus('robot_1')
        process.suspend()
        waiting = asyncio.create_task(client.propose('stalled', 'a', timeout=10.0))
        await asyncio.sleep(2.5)  # the request was repeated twice by now
        process.resume()
        assert (await waiting).answered
        await asyncio.sleep(0.5)
        log = (await client.read_log(timeout=10.0)).raise_for_status()
        assert [d.subject for d in log.decisions].count('stalled') == 1

    with_client(work)


def test_a_robot_that_dies_answers_unknown_and_one_that_returns_answers(
    own_swarm: SwarmProcesses,
) -> None:
    async def work(client: AsyncioSwarmClient) -> None:
        await client.propose('before', '1')
        own_swarm.kill('robot_1')
        dead = await client.propose('during', '2', timeout=1.0)
        assert dead.status is Status.UNKNOWN and 'no answer within 1 s' in dead.reason
        waiting = asyncio.create_task(client.read('before', timeout=20.0))
        own_swarm.start(['robot_1'])
        assert (await waiting).raise_for_status().decision.choice == '1'
        # Nothing that was decided comes twice to one who watched across the restart.
        await client.propose('after', '3', timeout=10.0)

    with_client(work)


def test_a_watch_outlives_the_restart_of_its_robot(own_swarm: SwarmProcesses) -> None:
    async def work(client: AsyncioSwarmClient) -> None:
        watch = client.decisions()
        await client.propose('a', '1')
        assert (await anext(watch)).choice == '1'
        own_swarm.kill('robot_1')
        own_swarm.start(['robot_1'])
        own_swarm.wait_for_quorum(['robot_1'])
        assert (await client.propose('b', '2', timeout=10.0)).answered
        # It has published its log again; the watch passes on what is new.
        assert (await anext(watch)).choice == '2'

    with_client(work)
