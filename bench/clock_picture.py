"""Publisher whose picture shows the time of each frame as 40 large blocks, black or white.

Run as `python -m bench.clock_picture`. 32 bits are the Unix time in milliseconds (modulo 2³²), highest bit first, row
by row; 8 bits are a checksum. `glass.js` reads them.
"""

from __future__ import annotations

import json
import sys
import threading
import time
from fractions import Fraction
from typing import Any

import av

from bench.processes import say

WIDTH, HEIGHT = 320, 180
COLUMNS, ROWS = 8, 5
FPS = 25
GOP_S = 1
SAMPLE_RATE, SAMPLES = 48000, 1024
MILLISECOND = Fraction(1, 1000)


def bits_of(ms: int) -> int:
    """The 40 bits for a time: its low 32 bits, then the checksum."""
    ms &= 0xFFFFFFFF
    check = (ms ^ ms >> 8 ^ ms >> 16 ^ ms >> 24 ^ 0x5A) & 0xFF
    return ms << 8 | check


def picture(ms: int) -> av.VideoFrame:
    frame = av.VideoFrame(WIDTH, HEIGHT, "yuv420p")
    bits = bits_of(ms)
    cells = [255 if bits >> (COLUMNS * ROWS - 1 - cell) & 1 else 0 for cell in range(COLUMNS * ROWS)]
    luma, *chroma = frame.planes
    rows = []
    for row in range(ROWS):
        line = b"".join(bytes([cell]) * (WIDTH // COLUMNS) for cell in cells[row * COLUMNS : (row + 1) * COLUMNS])
        rows.append(line.ljust(luma.line_size, b"\0") * (HEIGHT // ROWS))
    luma.update(b"".join(rows))
    for plane in chroma:
        plane.update(bytes([128]) * plane.buffer_size)
    return frame


def silence() -> av.AudioFrame:
    frame = av.AudioFrame("fltp", "mono", SAMPLES)
    frame.planes[0].update(bytes(frame.planes[0].buffer_size))
    frame.sample_rate = SAMPLE_RATE
    return frame


def publish(url: str, leaving: threading.Event) -> None:
    with av.open(url, "w", format="flv", options={"flvflags": "no_duration_filesize"}) as server:
        options = {"preset": "ultrafast", "tune": "zerolatency", "g": str(FPS * GOP_S), "bf": "0", "sc_threshold": "0"}
        video: Any = server.add_stream("libx264", rate=FPS, options=options)
        video.width, video.height, video.pix_fmt = WIDTH, HEIGHT, "yuv420p"
        video.codec_context.time_base = MILLISECOND
        audio: Any = server.add_stream("aac", rate=SAMPLE_RATE, layout="mono")
        started, sounded = time.time(), 0
        number = 0
        while not leaving.wait(max(0.0, started + number / FPS - time.time())):
            number += 1
            now = time.time()
            frame = picture(int(now * 1000))
            frame.pts, frame.time_base = int((now - started) * 1000), MILLISECOND
            server.mux(video.encode(frame))
            while sounded < (now - started) * SAMPLE_RATE:
                sound = silence()
                sound.pts, sound.time_base = sounded, Fraction(1, SAMPLE_RATE)
                server.mux(audio.encode(sound))
                sounded += SAMPLES


def main() -> None:
    config = json.loads(sys.stdin.readline())
    leaving = threading.Event()
    say(publishing=True)

    def leave() -> None:
        sys.stdin.read()
        leaving.set()

    threading.Thread(target=leave, daemon=True).start()
    publish(config["url"], leaving)


if __name__ == "__main__":
    main()
