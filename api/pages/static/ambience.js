// @ts-check
/** The picture's colours as a glow around it, where the stage is wider than the picture. */

const EVERY_MS = 1_000;

/**
 * @param {HTMLVideoElement} video
 * @param {HTMLCanvasElement} glow  a few points wide; enlarging it blurs it
 */
export function ambience(video, glow) {
  const context = glow.getContext("2d");
  setInterval(() => {
    if (document.visibilityState === "hidden" || video.readyState < video.HAVE_CURRENT_DATA || !glow.offsetParent) return;
    context?.drawImage(video, 0, 0, glow.width, glow.height);
  }, EVERY_MS);
}
