"""A portrait in the three variants that an upload becomes. The same look always gives the same bytes."""

from __future__ import annotations

import math
from io import BytesIO

from PIL import Image

from control_plane.pictures.model import ANIMATED, SMALL, Picture
from stagedoor.demo.portraits.figure import Figure
from stagedoor.demo.portraits.hair import HAIR
from stagedoor.demo.portraits.look import Look

TIMES_SMALL = 3
"""How many times larger than the small picture the full one is. Larger: the first start takes longer; smaller: it is
blurred on a full screen."""
QUALITY = 85
FRAMES, FRAME_MS = 12, 120
BLINK = (4, 5)
"""Frames with closed eyes."""
COLOURS = 64
"""Of an animation."""


def portrait(look: Look) -> Picture:
    full = drawn(look, SMALL * TIMES_SMALL)
    return Picture(_jpeg(full), _jpeg(full.reduce(TIMES_SMALL)), _animation(look) if look.moves else b"")


def drawn(look: Look, side: int, nod: float = 0, *, blinks: bool = False) -> Image.Image:
    """`nod`: how far the head is down, from -1 to 1."""
    figure, (behind, before) = Figure(look, side), HAIR[look.hair]
    figure.backdrop()
    figure.nod(nod)
    behind(figure)
    figure.nod(nod / 3)
    figure.body()
    figure.nod(nod)
    figure.head()
    figure.beard()
    figure.features(blinks=blinks)
    before(figure)
    figure.jewellery()
    return figure.canvas.finished()


def _animation(look: Look) -> bytes:
    first = drawn(look, ANIMATED).quantize(COLOURS)
    others = [
        drawn(look, ANIMATED, math.sin(math.tau * number / FRAMES), blinks=number in BLINK).quantize(
            palette=first, dither=Image.Dither.NONE
        )
        for number in range(1, FRAMES)
    ]
    output = BytesIO()
    first.save(output, "GIF", save_all=True, append_images=others, duration=FRAME_MS, loop=0, disposal=1)
    return output.getvalue()


def _jpeg(image: Image.Image) -> bytes:
    output = BytesIO()
    image.save(output, "JPEG", quality=QUALITY)
    return output.getvalue()
