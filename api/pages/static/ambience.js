// @ts-check
/**
 * The picture's colours as a glow around it, where the stage is wider than the picture. Blurred here, once a second: a filter of the style
 * sheet would be worked out anew with each frame of the video on top of it.
 */

const EVERY_MS = 1_000;
const BLUR = "blur(5px) saturate(1.3)";
const EDGE = 6; // drawn beyond, or the blur would darken the rim

/**
 * @param {HTMLVideoElement} video
 * @param {HTMLCanvasElement} glow  a few points wide; enlarging it blurs it further
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
