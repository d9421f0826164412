"""Platforms for the tests, from the cheapest to the dearest: `stagedoor` is shared, `own` is started for one test, `stopped` is not
started yet, and `empty` has never been started.

All tests of this folder run in one event loop, in which the shared platform and the browser live.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio
from playwright.async_api import Browser

from tests.browser import chromium
from tests.end_to_end.platform import Stagedoor
from tests.end_to_end.template import Template, template_in


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.path.parent == Path(__file__).parent and pytest_asyncio.is_async_test(item):
            item.add_marker(pytest.mark.asyncio(loop_scope="session"), append=False)


@pytest.fixture(scope="session")
def template(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Template:
    base = tmp_path_factory.getbasetemp()
    return template_in((base if worker_id == "master" else base.parent) / "template")


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def shared(template: Template) -> AsyncIterator[Stagedoor]:
    async with template.started() as platform:
        yield platform


@pytest_asyncio.fixture(loop_scope="session")
async def stagedoor(shared: Stagedoor) -> AsyncIterator[Stagedoor]:
    """Up and ready, and the same for many tests: each brings users of its own, and leaves the processes as they are."""
    shared.forget_log()
    yield shared
    assert await shared.readiness() == 200


@pytest_asyncio.fixture(loop_scope="session")
async def own(template: Template) -> AsyncIterator[Stagedoor]:
    """Up and ready, for this test alone, which may kill it."""
    async with template.started() as platform:
        yield platform


@pytest_asyncio.fixture(loop_scope="session")
async def stopped(template: Template) -> AsyncIterator[Stagedoor]:
    """Not started yet, for other settings. Its database was used in development mode."""
    async with template.stopped() as platform:
        yield platform


@pytest_asyncio.fixture(loop_scope="session")
async def empty(template: Template) -> AsyncIterator[Stagedoor]:
    """Not started yet, and without a database."""
    async with template.empty() as platform:
        yield platform


@pytest_asyncio.fixture(scope="session", loop_scope="session")
async def browser() -> AsyncIterator[Browser]:
    """One for all tests; each visitor has a profile of their own."""
    async with chromium() as browser:
        yield browser
