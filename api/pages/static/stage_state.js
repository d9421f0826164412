// @ts-check
/** The overlay on the stage, computed from everything the page knows. A pure function. */

import { clock, counted } from "./format.js";

/**
 * @typedef {object} Known
 * @property {string} status  created, live, interrupted or ended
 * @property {import("./player.js").PlayerState} player
 * @property {import("./live_socket.js").Connection} connection
 * @property {number} closedFor  the close code if the socket is closed for good, else 0
 * @property {boolean} offline
 * @property {string} host
 * @property {boolean} open  whether the media server plays it; so far only public streams
 * @property {boolean} paused  by this viewer
 * @property {import("./live_socket.js").Summary | null} summary
 */

/** @typedef {{ kind: string, title: string, text: string, figures?: [string, string][] }} StageState */

/**
 * @param {Known} known
 * @returns {StageState | null}  null: no overlay
 */
export function stageState({ status, player, connection, closedFor, offline, host, summary, open, paused }) {
  if (status === "ended") {
    return { kind: "ended", title: "The stream has ended", text: `Thank you for watching ${host}.`, figures: summary ? figures(summary) : [] };
  }
  if (closedFor === 4403) return { kind: "closed", title: "You cannot watch this stream", text: "The stream is private, or your account is blocked." };
  if (closedFor === 4404) return { kind: "closed", title: "This stream is not available", text: "See what else is live on the home page." };
  if (!open) return { kind: "closed", title: "This stream is private", text: "Only public streams can be watched so far." };
  if (offline) return { kind: "offline", title: "You are offline", text: "The stream resumes when your network is back." };
  if (status === "created") return { kind: "waiting", title: `Waiting for ${host}`, text: "Starting soon. This page updates by itself." };
  if (status === "interrupted") {
    return { kind: "reconnecting", title: "Reconnecting…", text: `${host} lost connection. The stream resumes when they reconnect.` };
  }
  if (player === "blocked" || paused) return { kind: "blocked", title: "", text: "" };
  if (player === "unsupported") {
    return { kind: "unsupported", title: "Your browser cannot play this", text: "Your browser does not support this stream's format. Try another browser." };
  }
  if (player !== "playing") return { kind: "loading", title: connection === "waiting" ? "Connecting…" : "", text: "" };
  return null;
}

/**
 * @param {import("./live_socket.js").Summary} summary
 * @returns {[string, string][]}
 */
export function figures(summary) {
  return [
    [clock(summary.duration_s), "on air"],
    [summary.peak_viewers.toLocaleString("en"), "peak viewers"],
    [counted(summary.coins, "coin"), "in gifts"],
  ];
}
