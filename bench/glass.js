// Measures glass-to-glass latency: reads the clock in each video frame that the page shows (see clock_picture.py). Runs before the page's scripts.
(() => {
  const COLUMNS = 8, ROWS = 5, WIDTH = 320, HEIGHT = 180;
  const seen = { firstMs: null, frames: [], unreadable: 0 };
  window.__glass = seen;
  const canvas = document.createElement("canvas");
  canvas.width = WIDTH;
  canvas.height = HEIGHT;
  const context = canvas.getContext("2d", { willReadFrequently: true });

  const read = (video) => {
    context.drawImage(video, 0, 0, WIDTH, HEIGHT);
    const { data } = context.getImageData(0, 0, WIDTH, HEIGHT);
    let ms = 0, check = 0;
    for (let cell = 0; cell < COLUMNS * ROWS; cell++) {
      const x = ((cell % COLUMNS) + 0.5) * (WIDTH / COLUMNS);
      const y = (Math.floor(cell / COLUMNS) + 0.5) * (HEIGHT / ROWS);
      const bit = data[(Math.floor(y) * WIDTH + Math.floor(x)) * 4 + 1] > 127 ? 1 : 0;
      if (cell < 32) ms = ms * 2 + bit;
      else check = check * 2 + bit;
    }
    const expected = (ms ^ (ms >>> 8) ^ (ms >>> 16) ^ (ms >>> 24) ^ 0x5a) & 0xff;
    return check === expected ? ms : null;
  };

  const watch = (video) => {
    const shown = () => {
      const at = performance.now();
      seen.firstMs ??= at;
      const ms = read(video);
      if (ms === null) seen.unreadable += 1;
      else seen.frames.push([at, (Date.now() % 2 ** 32) - ms]);
      video.requestVideoFrameCallback(shown);
    };
    video.requestVideoFrameCallback(shown);
  };

  const watched = new WeakSet();
  const look = () => {
    for (const video of document.querySelectorAll("video")) {
      if (watched.has(video)) continue;
      watched.add(video);
      watch(video);
    }
  };
  setInterval(look, 5);
})();
