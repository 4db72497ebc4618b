"""A real browser without a screen, for tests of pages; they are skipped where there is none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
import os
from pathlib import Path
import shutil
from typing import Any
from urllib.parse import urlsplit

import pytest

# Debian and Ubuntu call it so; the variable names another one.
VARIABLE = 'CHROMIUM'
NAMES = ('chromium', 'chromium-browser', 'google-chrome')
# Generous: the machine may be busy.
WAIT_MS = 60_000
SIZE = {'width': 1300, 'height': 1500}


def find_browser() -> str:
    """Return the program of a Chromium; where there is none the test is skipped."""
    named = os.environ.get(VARIABLE, '')
    found = shutil.which(named) if named else next(filter(None, map(shutil.which, NAMES)), None)
    if not found:
        pytest.skip(
            f'there is no {named or "Chromium"}: apt install chromium, or set {VARIABLE}'
        )
    return found


@contextmanager
def browser_page() -> Iterator[Any]:
    """
    Open an empty page; it lives where the thread does, in its network namespace if any.

    Whatever goes wrong in a script of the page, or is held back by its policy, fails the test; but
    for the one sheet that plotly would add for maps.
    """
    api = pytest.importorskip('playwright.sync_api', reason='playwright is not installed')
    program = find_browser()
    # As root there is no sandbox; the page is our own.
    arguments = ['--no-sandbox'] if os.geteuid() == 0 else []
    with api.sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=arguments)
        try:
            page = browser.new_page(viewport=SIZE)
            page.set_default_timeout(WAIT_MS)
            wrong: list[str] = []
            page.on('pageerror', lambda error: wrong.append(str(error)))
            refused: list[str] = []

            def hear(said: Any) -> None:
                if 'Content Security' in said.text:
                    plotly = urlsplit(said.location.get('url', '')).path == '/plotly.js'
                    (refused if plotly and 'inline style' in said.text else wrong).append(said.text)

            page.on('console', hear)
            page.on('dialog', lambda dialog: (wrong.append(dialog.message), dialog.dismiss()))
            yield page
            assert not wrong, wrong
            # As the script is loaded, and not again for each plot.
            assert len(refused) <= 1, refused
        finally:
            browser.close()


def keep_screenshot(page: Any, name: str) -> Path:
    """Keep a picture of the page in build/screenshots/, and return its path."""
    folder = Path(__file__).resolve().parents[3] / 'build' / 'screenshots'
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f'{name}.png'
    page.screenshot(path=path, full_page=True)
    return path
