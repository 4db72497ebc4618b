"""
The dashboard: a page for any browser, and the picture of the swarm over a WebSocket.

Nothing comes from elsewhere than this server, so it works with no network but the robots'. What
changes something is behind a token (access.py); a browser sent here by another site is refused,
and so is one that was told that our address is that site's (DNS rebinding).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from importlib.util import find_spec
import json
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from aiohttp import WSCloseCode, web
import msgspec

from swarm_consensus.client import ANY_REVISION, Decision, SwarmClientError
from swarm_consensus.live.access import Access
from swarm_consensus.live.asker import Asker
from swarm_consensus.live.listener import Listener
from swarm_consensus.protocols.values import value
from swarm_consensus.views.values import Snapshot

PAGE = Path(__file__).parent / 'page'
LOOPBACK_HOSTS = frozenset({'localhost', '127.0.0.1', '[::1]'})
REQUEST_BYTES_MAX = 65_536
VIEWERS_MAX = 64
# A viewer that takes nothing for so long is let go, s.
HEARTBEAT_S = 10.0
# Slows down whoever guesses tokens.
WRONG_TOKEN_S = 0.5
ANSWER_S = 10.0
# All that the page needs comes from here, and no other page may frame it. Plotly needs no more: it
# adds its rules to a sheet of ours. What it would add for maps, as it is loaded, is refused.
HEADERS = {
    'Content-Security-Policy': (
        "default-src 'none'; script-src 'self'; style-src 'self'; connect-src 'self'; "
        "img-src 'self'; form-action 'none'; base-uri 'none'; frame-ancestors 'none'"
    ),
    'X-Content-Type-Options': 'nosniff',
    'Referrer-Policy': 'no-referrer',
    'Cache-Control': 'no-store',
}


@value
class Settings:
    """
    Of a dashboard.

    :param period_s: between two pictures.
    :param hosts: names under which a browser may call us; empty: any.
    """

    period_s: float = 0.5
    hosts: Collection[str] = LOOPBACK_HOSTS


def plotly_file() -> Path | None:
    """Return the script of the plotting library, which comes with its Python package, or None."""
    found = find_spec('plotly')
    if found is None or not found.submodule_search_locations:
        return None
    path = Path(found.submodule_search_locations[0]) / 'package_data' / 'plotly.min.js'
    return path if path.is_file() else None


def document(snapshot: Snapshot) -> bytes:
    """Return a picture as JSON; what is no finite number is null."""
    return msgspec.json.encode(snapshot)


class Dashboard:
    """
    Serves one picture to many browsers.

    :param listener: entered.
    """

    def __init__(self, listener: Listener, access: Access, settings: Settings) -> None:
        self._listener = listener
        self._access = access
        self._settings = settings
        self._asker = Asker()
        self._viewers: set[web.WebSocketResponse] = set()
        self._feeding: asyncio.Task[None] | None = None

    def app(self) -> web.Application:
        """Return the application; who runs it also ends it."""
        app = web.Application(
            middlewares=[self._check], client_max_size=REQUEST_BYTES_MAX
        )
        app.router.add_get('/', self._index)
        app.router.add_get('/api/picture', self._picture)
        app.router.add_get('/api/live', self._live)
        app.router.add_get('/api/access', self._may)
        app.router.add_post('/api/propose', self._propose)
        app.router.add_post('/api/transfer', self._transfer)
        app.router.add_get('/plotly.js', self._plotly)
        app.router.add_static('/page/', PAGE)
        app.on_response_prepare.append(_add_headers)
        app.on_shutdown.append(self._shut_down)
        app.on_cleanup.append(self._clean_up)
        return app

    async def _shut_down(self, _app: web.Application) -> None:
        if self._feeding is not None:
            self._feeding.cancel()
        for viewer in tuple(self._viewers):
            await viewer.close(code=WSCloseCode.GOING_AWAY)

    async def _clean_up(self, _app: web.Application) -> None:
        await self._asker.close()

    # -- who may come in ---------------------------------------------------------------------------

    @web.middleware
    async def _check(
        self,
        request: web.Request,
        handler: Callable[[web.Request], Awaitable[web.StreamResponse]],
    ) -> web.StreamResponse:
        host = request.host
        name = host.rpartition(':')[0] if ':' in host.rpartition(']')[2] else host
        if self._settings.hosts and name not in self._settings.hosts:
            raise _refusal(web.HTTPForbidden, f'this server is not called {name}')
        origin = request.headers.get('Origin')
        if origin is not None and urlsplit(origin).netloc != host:
            raise _refusal(web.HTTPForbidden, 'other sites may not ask here')
        return await handler(request)

    async def _authorize(self, request: web.Request) -> None:
        if self._access.read_only:
            raise _refusal(web.HTTPForbidden, 'read only: it was started without a token')
        if not self._access.allows(request.headers.get('Authorization', '')):
            await asyncio.sleep(WRONG_TOKEN_S)
            raise _refusal(web.HTTPUnauthorized, 'the token is wrong')

    # -- looking -----------------------------------------------------------------------------------

    async def _index(self, _request: web.Request) -> web.StreamResponse:
        return web.FileResponse(PAGE / 'index.html')

    async def _look(self) -> Snapshot:
        # It takes a while with a hundred robots, and others wait.
        return await asyncio.to_thread(self._listener.look)

    async def _picture(self, _request: web.Request) -> web.StreamResponse:
        return web.Response(body=document(await self._look()), content_type='application/json')

    async def _may(self, _request: web.Request) -> web.StreamResponse:
        return web.json_response(
            {'read_only': self._access.read_only, 'plots': plotly_file() is not None}
        )

    async def _plotly(self, _request: web.Request) -> web.StreamResponse:
        path = plotly_file()
        if path is None:
            raise web.HTTPNotFound(text='plotly is not installed')
        # It is large: a browser keeps it, and asks whether it is another one by now.
        return web.FileResponse(path, headers={'Cache-Control': 'no-cache'})

    async def _live(self, request: web.Request) -> web.StreamResponse:
        if len(self._viewers) >= VIEWERS_MAX:
            raise _refusal(web.HTTPServiceUnavailable, f'{VIEWERS_MAX} others look already')
        viewer = web.WebSocketResponse(heartbeat=HEARTBEAT_S, max_msg_size=1024)
        await viewer.prepare(request)
        self._viewers.add(viewer)
        if self._feeding is None or self._feeding.done():
            self._feeding = asyncio.create_task(self._feed())
        try:
            # Nothing is expected from there but the end.
            async for _ in viewer:
                pass
        finally:
            self._viewers.discard(viewer)
        return viewer

    async def _feed(self) -> None:
        """Send the picture to all that look, as long as anybody does."""
        busy: dict[web.WebSocketResponse, asyncio.Task[None]] = {}
        while self._viewers:
            text = document(await self._look()).decode()
            busy = {viewer: task for viewer, task in busy.items() if not task.done()}
            for viewer in self._viewers - busy.keys():
                # Who is slow misses pictures and holds up nobody.
                busy[viewer] = asyncio.create_task(_send(viewer, text))
            await asyncio.sleep(self._settings.period_s)

    # -- asking ------------------------------------------------------------------------------------

    async def _propose(self, request: web.Request) -> web.StreamResponse:
        await self._authorize(request)
        fields = await _fields(request, subject=str, choice=str, robot=str, expected_revision=int)
        subject, choice = fields.get('subject', ''), fields.get('choice', '')
        if not subject or not choice:
            raise _refusal(web.HTTPBadRequest, 'subject and choice must not be empty')
        revision = fields.get('expected_revision', ANY_REVISION)
        robot, namespace = await self._whom(fields.get('robot', ''))
        try:
            answer = await self._asker.ask(
                namespace,
                lambda client: client.propose(
                    subject, choice, expected_revision=revision, timeout=ANSWER_S
                ),
            )
        except ValueError as error:
            raise _refusal(web.HTTPBadRequest, str(error)) from None
        except SwarmClientError as error:
            raise _refusal(web.HTTPServiceUnavailable, str(error)) from None
        return web.json_response({'robot': robot, **_answer(answer)})

    async def _transfer(self, request: web.Request) -> web.StreamResponse:
        await self._authorize(request)
        fields = await _fields(request, target=str, robot=str)
        robot, namespace = await self._whom(fields.get('robot', ''))
        try:
            answer = await self._asker.ask(
                namespace,
                lambda client: client.transfer_leadership(
                    fields.get('target', ''), timeout=ANSWER_S
                ),
            )
        except SwarmClientError as error:
            raise _refusal(web.HTTPServiceUnavailable, str(error)) from None
        return web.json_response(
            {
                'robot': robot,
                'status': answer.status.name,
                'reason': answer.reason,
                'leader': answer.leader,
            }
        )

    async def _whom(self, robot: str) -> tuple[str, str]:
        """Return the robot that is to be asked, and its namespace; '': the leader, or any."""
        if not robot:
            robot = (await self._look()).to_ask
            if not robot:
                raise _refusal(web.HTTPServiceUnavailable, 'no robot is heard')
        namespace = self._listener.namespace_of(robot)
        if not namespace:
            raise _refusal(web.HTTPNotFound, f"there is no robot '{robot}'")
        return robot, namespace


async def _send(viewer: web.WebSocketResponse, text: str) -> None:
    try:
        await viewer.send_str(text)
    except (ConnectionError, RuntimeError):
        # Gone meanwhile; its handler ends by itself.
        if not viewer.closed:
            raise


async def _add_headers(_request: web.Request, response: web.StreamResponse) -> None:
    for name, header in HEADERS.items():
        response.headers.setdefault(name, header)


def _refusal(kind: type[web.HTTPException], reason: str) -> web.HTTPException:
    return kind(text=json.dumps({'error': reason}), content_type='application/json')


async def _fields(request: web.Request, **kinds: type) -> dict[str, Any]:
    """
    Return the fields of the JSON object in a request.

    :param kinds: the fields that there may be, and their types.
    """
    if request.content_type != 'application/json':
        raise _refusal(web.HTTPUnsupportedMediaType, 'send application/json')
    try:
        fields = await request.json()
    except ValueError as error:
        raise _refusal(web.HTTPBadRequest, f'that is no JSON: {error}') from None
    if not isinstance(fields, dict):
        raise _refusal(web.HTTPBadRequest, 'send a JSON object')
    for name, given in fields.items():
        if name not in kinds:
            known = ', '.join(kinds)
            raise _refusal(web.HTTPBadRequest, f"there is no field '{name}', but {known}")
        if type(given) is not kinds[name]:
            raise _refusal(web.HTTPBadRequest, f"'{name}' must be of type {kinds[name].__name__}")
    return fields


def _answer(decision: Decision) -> dict[str, object]:
    return {
        'status': decision.status.name,
        'reason': decision.reason,
        'subject': decision.subject,
        'choice': decision.choice,
        'revision': decision.revision,
        'level': decision.level.name.lower(),
        'index': decision.index,
    }
