"""Show the swarm as it is, in a web page, with buttons to propose and to transfer leadership."""

from __future__ import annotations

import argparse
import asyncio
import ipaddress
import os
from pathlib import Path
import signal
import ssl
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from swarm_consensus.live.access import Access

PORT = 8420
TOKEN_VARIABLE = 'SWARM_DASHBOARD_TOKEN'


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the arguments of the verb."""
    parser.add_argument('--swarm', default='', help='its name; the first one that is heard')
    parser.add_argument(
        '--host',
        default='127.0.0.1',
        help='address to serve at (default %(default)s); 0.0.0.0: for the whole network',
    )
    parser.add_argument(
        '--port', type=int, default=PORT, help='default %(default)s; 0: any that is free'
    )
    parser.add_argument(
        '--token-file',
        type=Path,
        help='with the token that the buttons need, made where it is not there; '
        f'or {TOKEN_VARIABLE} has the token. Neither: read only',
    )
    parser.add_argument('--certificate', type=Path, help='PEM file; serve by TLS')
    parser.add_argument('--key', type=Path, help='PEM file with the key of the certificate')


def is_loopback(host: str) -> bool:
    """Return whether only this machine reaches an address."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == 'localhost'


def run(arguments: argparse.Namespace) -> int:
    """Run the verb."""
    # Loopback unless the user's environment opens it, as everywhere.
    os.environ.setdefault('ROS_AUTOMATIC_DISCOVERY_RANGE', 'LOCALHOST')
    try:
        import aiohttp  # noqa: F401
    except ImportError:
        print('the dashboard needs aiohttp: pip install "swarm_consensus[view]"', file=sys.stderr)
        return 2
    from swarm_consensus.live.access import Access, AccessError, token_from

    if bool(arguments.certificate) != bool(arguments.key):
        print('give --certificate and --key together', file=sys.stderr)
        return 2
    try:
        token = os.environ.get(TOKEN_VARIABLE, '')
        if arguments.token_file is not None:
            token = token_from(arguments.token_file)
        access = Access(token)
        tls = None
        if arguments.certificate:
            tls = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
            tls.load_cert_chain(arguments.certificate, arguments.key)
    except (AccessError, OSError) as error:
        print(error, file=sys.stderr)
        return 2
    if not is_loopback(arguments.host):
        print('everybody on the network can read this page', file=sys.stderr)
        if tls is None and not access.read_only:
            print(
                'and can overhear the token: give --certificate and --key, or serve at loopback '
                'behind `ssh -L` or a proxy',
                file=sys.stderr,
            )
    try:
        return asyncio.run(_serve(arguments, access, tls))
    except OSError as error:
        print(f'cannot serve at {arguments.host}:{arguments.port}: {error}', file=sys.stderr)
        return 1


async def _serve(
    arguments: argparse.Namespace, access: Access, tls: ssl.SSLContext | None
) -> int:
    from aiohttp import web

    from swarm_consensus.live.listener import Listener
    from swarm_consensus.live.server import LOOPBACK_HOSTS, Dashboard, Settings

    hosts = LOOPBACK_HOSTS if is_loopback(arguments.host) else ()
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    with Listener(arguments.swarm) as listener:
        dashboard = Dashboard(listener, access, Settings(hosts=hosts))
        runner = web.AppRunner(dashboard.app(), access_log=None)
        await runner.setup()
        try:
            site = web.TCPSite(runner, arguments.host, arguments.port, ssl_context=tls)
            await site.start()
            port = runner.addresses[0][1]
            scheme = 'https' if tls else 'http'
            name = f'[{arguments.host}]' if ':' in arguments.host else arguments.host
            print(f'{scheme}://{name}:{port}/', flush=True)
            if access.read_only:
                print('read only: there is no token', file=sys.stderr, flush=True)
            await stop.wait()
        finally:
            await runner.cleanup()
    return 0
