// @ts-check
/**
 * A blurred glow around the video, where the stage is wider than the picture. The canvas is blurred here once a second: the browser would
 * apply a CSS filter again for each frame of the video above it.
 */

const EVERY_MS = 1_000;
const BLUR = "blur(5px) saturate(1.3)";
const EDGE = 6; // drawn past the canvas edge, because the blur darkens the outermost pixels

/**
 * @param {HTMLVideoElement} video
 * @param {HTMLCanvasElement} glow  a few pixels wide; scaling it up blurs it further
 */
export function ambience(video, glow) {
  const context = glow.getContext("2d", { alpha: false });
  if (!context) return;
  context.filter = BLUR;
  setInterval(() => {
    if (document.visibilityState === "hidden" || video.readyState < video.HAVE_CURRENT_DATA || !glow.offsetParent) return;
    context.drawImage(video, -EDGE, -EDGE, glow.width + 2 * EDGE, glow.height + 2 * EDGE);
  }, EVERY_MS);
}
