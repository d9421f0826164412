"""axe-core on a page in the browser: phone and desktop, light and dark theme."""

from __future__ import annotations

import functools
from typing import Any, Literal

from playwright.async_api import Page, ViewportSize

from tests.browser import DESKTOP, PHONE
from tests.page_tools import PageTools, tell

SETTINGS: tuple[tuple[ViewportSize, Literal["light", "dark"]], ...] = (
    (PHONE, "light"),
    (PHONE, "dark"),
    (DESKTOP, "light"),
    (DESKTOP, "dark"),
)
RUN = """async () => {
  const { violations } = await axe.run(document, { preload: false, resultTypes: ["violations"] });
  return violations.flatMap(({ id, help, nodes }) => nodes.map(({ target }) => `${id}: ${help}: ${target.join(" ")}`));
}"""


@functools.cache
def script() -> str:
    return PageTools(tell).axe()


async def violations(page: Page) -> dict[str, Any]:
    """axe-core's violations on the page, in each size and colour scheme. Open the page with reduced motion: colours in
    transition have too little contrast."""
    size = page.viewport_size
    assert size is not None
    await page.evaluate(script())
    found = {}
    for viewport, scheme in SETTINGS:
        await page.set_viewport_size(viewport)
        await page.emulate_media(color_scheme=scheme)
        found[f"{viewport['width']} {scheme}"] = await page.evaluate(RUN)
    await page.set_viewport_size(size)
    return {setting: lines for setting, lines in found.items() if lines}
