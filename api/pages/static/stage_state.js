// @ts-check
/** What stands over the picture, from all that is known: a pure function. */

import { clock, counted } from "./format.js";

/**
 * @typedef {object} Known
 * @property {string} status  created, live, interrupted or ended
 * @property {import("./player.js").PlayerState} player
 * @property {import("./live_socket.js").Connection} connection
 * @property {number} closedFor  the code, when the socket is closed for good
 * @property {boolean} offline
 * @property {string} host
 * @property {boolean} open  the media server plays it: so far, public streams only
 * @property {boolean} paused  by this viewer
 * @property {import("./live_socket.js").Summary | null} summary
 */

/** @typedef {{ kind: string, title: string, text: string, figures?: [string, string][] }} StageState */

/**
 * @param {Known} known
 * @returns {StageState | null}  null: nothing, the picture speaks
 */
export function stageState({ status, player, connection, closedFor, offline, host, summary, open, paused }) {
  if (status === "ended") {
    return { kind: "ended", title: "The stream has ended", text: `Thank you for watching ${host}.`, figures: summary ? figures(summary) : [] };
  }
  if (closedFor === 4403) return { kind: "closed", title: "You cannot watch this stream", text: "It is private, or your account is blocked." };
  if (!open) return { kind: "closed", title: "This stream is private", text: "Private streams cannot be watched yet." };
  if (offline) return { kind: "offline", title: "You are offline", text: "The stream resumes when your network is back." };
  if (status === "created") return { kind: "waiting", title: `Waiting for ${host}`, text: "Starting soon. This page updates by itself." };
  if (status === "interrupted") {
    return { kind: "reconnecting", title: "Reconnecting…", text: `${host} lost connection. The stream resumes when they reconnect.` };
  }
  if (player === "blocked" || paused) return { kind: "blocked", title: "", text: "" };
  if (player === "unsupported") {
    return { kind: "unsupported", title: "Your browser cannot play this", text: "This stream uses a format your browser cannot play. Try another browser." };
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
