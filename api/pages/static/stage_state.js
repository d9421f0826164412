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
 * @property {import("./live_socket.js").Summary | null} summary
 */

/** @typedef {{ kind: string, title: string, text: string, figures?: [string, string][] }} StageState */

/**
 * @param {Known} known
 * @returns {StageState | null}  null: nothing, the picture speaks
 */
export function stageState({ status, player, connection, closedFor, offline, host, summary }) {
  if (status === "ended") {
    return { kind: "ended", title: "The stream has ended", text: `Thank you for watching ${host}.`, figures: summary ? figures(summary) : [] };
  }
  if (closedFor === 4403) return { kind: "closed", title: "You cannot watch this stream", text: "" };
  if (offline) return { kind: "offline", title: "You are offline", text: "This goes on as soon as your network is back." };
  if (status === "created") return { kind: "waiting", title: `Waiting for ${host}`, text: "The stream begins in a moment. Stay here." };
  if (status === "interrupted") {
    return { kind: "reconnecting", title: "Reconnecting…", text: `${host} has lost the connection. This goes on as soon as it is back.` };
  }
  if (player === "blocked") return { kind: "blocked", title: "", text: "" };
  if (player === "unsupported") {
    return { kind: "unsupported", title: "Your browser cannot play this", text: "The host sends in a format that it does not know. Another browser may." };
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
    [summary.peak_viewers.toLocaleString("en"), "most viewers"],
    [counted(summary.coins, "coin"), "in gifts"],
  ];
}
