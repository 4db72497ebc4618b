"""The dashboard over HTTP, with a swarm that is made up: who gets in, and what goes wrong."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
import json
from typing import Any

from aiohttp import WSServerHandshakeError
from aiohttp.test_utils import TestClient, TestServer
import pytest
from swarm_testing.virtual_swarm import Swarm

from swarm_consensus.client import Leadership, RobotNotFoundError, Status
from swarm_consensus.client.values import with_stamp
from swarm_consensus.decision.types import Decision, Level
from swarm_consensus.live import server
from swarm_consensus.live.access import Access
from swarm_consensus.live.server import HEADERS, PAGE, Dashboard, Settings, plotly_file
from swarm_consensus.views.picture import Picture
from swarm_consensus.views.values import Snapshot

TOKEN = 'correct horse battery'
WITH_TOKEN = {'Authorization': f'Bearer {TOKEN}'}
PROPOSAL = {'subject': 'goal', 'choice': 'dock'}
DECIDED = Decision(
    'goal', 1, 'dock', b'', 1.0, Level.COMMITTED, Status.DECIDED, 7, 1, 'r1', (), 0.0, ''
)


class MadeUp:
    """Stands for the listener and for the client of a robot."""

    def __init__(self) -> None:
        swarm = Swarm(3)
        swarm.elect()
        swarm.run(2.0)
        self.leader = swarm.leader
        picture = Picture()
        for robot in swarm.robots:
            picture.tell_status(swarm.status(robot).status, 0)
        self.snapshot = picture.look(0)
        self.asked: list[tuple[Any, ...]] = []
        self.missing = False

    def look(self) -> Snapshot:
        return self.snapshot

    def namespace_of(self, robot: str) -> str:
        return f'/{robot}' if robot in {row.robot for row in self.snapshot.robots} else ''

    async def propose(self, *values: object, **more: object) -> Any:
        self.asked.append((*values, more['expected_revision']))
        return with_stamp(DECIDED)

    async def transfer_leadership(self, target: str, timeout: float) -> Leadership:
        self.asked.append((target,))
        return Leadership(Status.REFUSED, 'no voter', self.leader)


def talk(
    question: Callable[[TestClient, MadeUp], Awaitable[None]],
    token: str = TOKEN,
    settings: Settings = Settings(period_s=0.02),  # noqa: B008
) -> None:
    """Serve, and let a client talk to it."""
    made_up = MadeUp()
    dashboard = Dashboard(made_up, Access(token), settings)  # type: ignore[arg-type]

    async def ask(namespace: str, asked: Callable[[Any], Awaitable[Any]]) -> Any:
        made_up.asked.append((namespace,))
        if made_up.missing:
            raise RobotNotFoundError('nobody answers')
        return await asked(made_up)

    dashboard._asker.ask = ask  # type: ignore[method-assign]

    async def run() -> None:
        async with TestClient(TestServer(dashboard.app())) as client:
            await asyncio.wait_for(question(client, made_up), 30.0)

    asyncio.run(run())


def test_the_page_and_all_that_it_needs_is_served_and_nothing_from_elsewhere() -> None:
    async def question(client: TestClient, _: MadeUp) -> None:
        for path in ('/', *(f'/page/{each.name}' for each in PAGE.iterdir())):
            async with client.get(path) as response:
                assert response.status == 200, path
                assert response.headers['Content-Security-Policy'] == (
                    HEADERS['Content-Security-Policy']
                )
                text = await response.text()
                links = text.replace('http://www.w3.org/2000/svg', '')
                assert 'http://' not in links and 'https://' not in links, path
        for path in ('/page/../server.py', '/page/%2e%2e/server.py', '/nowhere'):
            async with client.get(path) as response:
                assert response.status in (403, 404), path

    talk(question)


def test_the_script_of_plotly_is_served_from_its_package_and_kept_by_browsers() -> None:
    path = plotly_file()
    assert path is not None

    async def question(client: TestClient, _: MadeUp) -> None:
        async with client.get('/plotly.js') as response:
            assert (response.status, await response.read()) == (200, path.read_bytes())
            assert response.headers['Content-Security-Policy'] == (
                HEADERS['Content-Security-Policy']
            )
            assert response.headers['X-Content-Type-Options'] == 'nosniff'
            assert response.headers['Cache-Control'] == 'no-cache'
            known = {'If-None-Match': response.headers['ETag']}
        async with client.get('/plotly.js', headers=known) as response:
            assert response.status == 304
        async with client.get('/api/picture') as response:
            assert response.headers['Cache-Control'] == 'no-store'

    talk(question)


def test_where_plotly_is_not_installed_the_page_is_told_so(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(server, 'find_spec', lambda _: None)

    async def question(client: TestClient, _: MadeUp) -> None:
        async with client.get('/api/access') as response:
            assert (await response.json())['plots'] is False
        async with client.get('/plotly.js') as response:
            assert response.status == 404

    talk(question)


def test_the_policy_lets_nothing_in_but_what_is_served_here() -> None:
    policy = dict(
        part.strip().split(' ', 1) for part in HEADERS['Content-Security-Policy'].split(';')
    )
    assert policy.pop('default-src') == "'none'"
    assert set(policy.values()) == {"'self'", "'none'"}


def test_the_picture_is_the_model_as_json() -> None:
    async def question(client: TestClient, made_up: MadeUp) -> None:
        async with client.get('/api/picture') as response:
            picture = await response.json()
        assert picture['leader'] == made_up.leader
        assert [row['robot'] for row in picture['robots']] == ['r1', 'r2', 'r3']
        assert picture['links'][0] == {'first': 'r1', 'second': 'r2', 'hearing': 'both'}

    talk(question)


def test_pictures_keep_coming_to_all_that_look() -> None:
    async def question(client: TestClient, made_up: MadeUp) -> None:
        one, two = await client.ws_connect('/api/live'), await client.ws_connect('/api/live')
        for viewer in (one, two, one, two):
            assert (await viewer.receive_json(timeout=20.0))['swarm'] == 'zoo'
        await one.close()
        assert (await two.receive_json(timeout=20.0))['swarm'] == 'zoo'
        await two.close()
        # Whoever comes after all have gone is served again.
        three = await client.ws_connect('/api/live')
        assert (await three.receive_json(timeout=20.0))['swarm'] == 'zoo'

    talk(question)


def test_viewers_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, 'VIEWERS_MAX', 2)

    async def question(client: TestClient, _: MadeUp) -> None:
        await client.ws_connect('/api/live')
        await client.ws_connect('/api/live')
        with pytest.raises(WSServerHandshakeError) as caught:
            await client.ws_connect('/api/live')
        assert caught.value.status == 503

    talk(question)


def test_other_sites_and_other_names_are_refused() -> None:
    async def question(client: TestClient, made_up: MadeUp) -> None:
        here = f'127.0.0.1:{client.port}'
        for headers, status in (
            ({'Origin': f'http://{here}'}, 200),
            ({'Origin': 'http://evil.example'}, 403),
            ({'Origin': f'http://{here}.evil.example'}, 403),
            ({'Origin': 'null'}, 403),
            ({'Host': 'evil.example', 'Origin': 'http://evil.example'}, 403),
            ({'Host': f'localhost:{client.port}'}, 200),
            ({'Host': f'[::1]:{client.port}'}, 200),
        ):
            async with client.get('/api/picture', headers=headers) as response:
                assert response.status == status, headers
        with pytest.raises(WSServerHandshakeError):
            await client.ws_connect('/api/live', headers={'Origin': 'http://evil.example'})
        headers = WITH_TOKEN | {'Origin': 'http://evil.example'}
        async with client.post('/api/propose', json=PROPOSAL, headers=headers) as response:
            assert response.status == 403
        assert made_up.asked == []

    talk(question)


@pytest.mark.parametrize('path', ['/api/propose', '/api/transfer'])
@pytest.mark.parametrize(
    ('token', 'headers', 'status'),
    [
        ('', {}, 403),
        ('', WITH_TOKEN, 403),
        (TOKEN, {}, 401),
        (TOKEN, {'Authorization': 'Bearer wrong'}, 401),
    ],
)
def test_without_the_token_nothing_is_asked(
    path: str, token: str, headers: dict[str, str], status: int
) -> None:
    async def question(client: TestClient, made_up: MadeUp) -> None:
        async with client.post(path, json=PROPOSAL, headers=headers) as response:
            assert response.status == status
            assert (await response.json())['error']
        async with client.get('/api/access') as response:
            assert (await response.json()) == {'read_only': not token, 'plots': True}
        assert made_up.asked == []

    talk(question, token)


def test_with_the_token_the_leader_is_asked_or_whom_one_names() -> None:
    async def question(client: TestClient, made_up: MadeUp) -> None:
        async with client.post('/api/propose', json=PROPOSAL, headers=WITH_TOKEN) as response:
            answer = await response.json()
        assert (response.status, answer['status'], answer['index']) == (200, 'DECIDED', 7)
        assert made_up.asked == [(f'/{made_up.leader}',), ('goal', 'dock', -1)]
        made_up.asked.clear()
        fields = PROPOSAL | {'robot': 'r3', 'expected_revision': 0}
        async with client.post('/api/propose', json=fields, headers=WITH_TOKEN) as response:
            assert (await response.json())['robot'] == 'r3'
        assert made_up.asked == [('/r3',), ('goal', 'dock', 0)]
        made_up.asked.clear()
        fields = {'target': 'r2'}
        async with client.post('/api/transfer', json=fields, headers=WITH_TOKEN) as response:
            answer = await response.json()
        assert (answer['status'], answer['reason']) == ('REFUSED', 'no voter')
        assert made_up.asked == [(f'/{made_up.leader}',), ('r2',)]

    talk(question)


@pytest.mark.parametrize(
    ('body', 'kind', 'status', 'why'),
    [
        (b'{', 'application/json', 400, 'that is no JSON'),
        (b'\xff', 'application/json', 400, 'that is no JSON'),
        (b'[]', 'application/json', 400, 'send a JSON object'),
        (b'{}', 'text/plain', 415, 'send application/json'),
        (b'{}', 'application/json', 400, 'must not be empty'),
        (b'{"choice": 3}', 'application/json', 400, "'choice' must be of type str"),
        (b'{"expected_revision": true}', 'application/json', 400, 'must be of type int'),
        (b'{"colour": ""}', 'application/json', 400, "there is no field 'colour', but subject"),
        (
            json.dumps(PROPOSAL | {'robot': 'r9'}).encode(),
            'application/json',
            404,
            "there is no robot 'r9'",
        ),
    ],
)
def test_what_is_no_request_is_answered_with_what_is_wrong(
    body: bytes, kind: str, status: int, why: str
) -> None:
    async def question(client: TestClient, made_up: MadeUp) -> None:
        headers = WITH_TOKEN | {'Content-Type': kind}
        async with client.post('/api/propose', data=body, headers=headers) as response:
            assert response.status == status
            assert why in (await response.json())['error']
        assert made_up.asked == []

    talk(question)


def test_too_large_a_request_and_a_robot_that_is_gone() -> None:
    async def question(client: TestClient, made_up: MadeUp) -> None:
        large = PROPOSAL | {'choice': 'x' * server.REQUEST_BYTES_MAX}
        async with client.post('/api/propose', json=large, headers=WITH_TOKEN) as response:
            assert response.status == 413
        made_up.missing = True
        async with client.post('/api/propose', json=PROPOSAL, headers=WITH_TOKEN) as response:
            assert response.status == 503
            assert (await response.json())['error'] == 'nobody answers'
        made_up.snapshot = Picture().look(0)
        async with client.post('/api/transfer', json={}, headers=WITH_TOKEN) as response:
            assert (response.status, await response.json()) == (
                503,
                {'error': 'no robot is heard'},
            )

    talk(question)
