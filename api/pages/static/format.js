// @ts-check
/** Formats numbers, counts and durations as text. */

const COMPACT = new Intl.NumberFormat("en", { notation: "compact", maximumFractionDigits: 1 });

/** @param {number} number */
export function compact(number) {
  return COMPACT.format(number);
}

/**
 * @param {number} number
 * @param {string} one
 * @param {string} many
 */
export function counted(number, one, many = `${one}s`) {
  return `${number.toLocaleString("en")} ${number === 1 ? one : many}`;
}

/**
 * `$4.99`, `€4.99`, `¥500`
 * @param {number} amount
 * @param {string} currency  its ISO code
 */
export function money(amount, currency) {
  return new Intl.NumberFormat("en", { style: "currency", currency }).format(amount);
}

/**
 * `Rose`, `3 × Rose`
 * @param {number} count
 * @param {string} title
 */
export function times(count, title) {
  return count > 1 ? `${count} × ${title}` : title;
}

/**
 * `4:05`, `1:04:05`
 * @param {number} seconds
 */
export function clock(seconds) {
  const whole = Math.max(0, Math.floor(seconds));
  const parts = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60];
  if (parts[0] === 0) parts.shift();
  return parts.map((part, place) => (place === 0 ? String(part) : String(part).padStart(2, "0"))).join(":");
}

/**
 * Seconds since a timestamp that the server sent.
 * @param {string} at
 */
export function since(at) {
  return (Date.now() - Date.parse(at)) / 1000;
}

/**
 * `12 seconds`, `3 minutes`
 * @param {number} seconds
 */
export function duration(seconds) {
  return seconds < 100 ? counted(Math.ceil(seconds), "second") : counted(Math.ceil(seconds / 60), "minute");
}

/**
 * A time of the contract, as the other functions take it.
 * @param {string} time  such as `2026-01-31 12:00:00`, in UTC
 */
export const instant = (time) => `${time.replace(" ", "T")}Z`;

const DAY_S = 86_400;
const DATE = new Intl.DateTimeFormat("en", { dateStyle: "medium" });

/**
 * `now`, `5 min`, `3 h`, `2 d`, then the date
 * @param {string} at  a timestamp that the server sent
 */
export function ago(at) {
  const seconds = since(at);
  if (seconds < 60) return "now";
  if (seconds < 3600) return `${Math.floor(seconds / 60)} min`;
  if (seconds < DAY_S) return `${Math.floor(seconds / 3600)} h`;
  if (seconds < 7 * DAY_S) return `${Math.floor(seconds / DAY_S)} d`;
  return DATE.format(new Date(at));
}
