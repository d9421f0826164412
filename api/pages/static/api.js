// @ts-check
/** HTTP calls to this server. The session is an HttpOnly cookie, which scripts cannot read. */

import { duration } from "./format.js";

/** @typedef {{ user_id: number, username: string, name: string, profile_pic: string, wallet: number }} Me */
/** @typedef {{ name: string, title: string, url: string }} Provider */
/** @typedef {"email" | "phone"} Channel */
/** @typedef {{ user: Me | null, ways: string[], channels: Channel[], providers: Provider[], sandbox: boolean, shop: Shop["store"], came_back: boolean }} Session */
/** @typedef {{ id: number, title: string, coin: number, image: string, icon: string, type: string, time: number }} Gift */
/** @typedef {{ coins: number, price: number, currency: string, title: string, product_id: string }} CoinPackage */
/** @typedef {{ store: "stripe" | "sandbox" | "", packages: CoinPackage[] }} Shop */

/**
 * A stream as its owner sees it, with its key.
 * @typedef {{ id: number, title: string, playback_url: string, whep_url: string, rtmp_url: string, rtmp_server: string,
 *   stream_key: string, visibility: string, whip_url: string, srt_url: string, playing?: number, playing_note?: string }} OwnStream
 */

/**
 * @typedef {{ id: number, user_id: number, username: string, profile_pic: string, title: string, status: string, started_at: string, viewers: number,
 *   coins: number, thumbnail_url: string }} LiveItem
 * @typedef {{ streams: LiveItem[], page: number, pages: number, total: number }} LivePage
 */

const DEADLINE_MS = 15_000;
const UPLOAD_DEADLINE_MS = 600_000;
const TOO_OFTEN = 429;

/** A refusal by the server. Its message is written for the user. */
export class Refused extends Error {
  /**
   * @param {string} message
   * @param {number} status
   */
  constructor(message, status) {
    super(message);
    this.status = status;
  }
}

/**
 * The text of a caught error, for the user.
 * @param {unknown} error
 */
export function messageOf(error) {
  return error instanceof Error ? error.message : String(error);
}

/**
 * Sends a request and returns the JSON of the response. A body is sent as JSON, a form as a form. Throws Refused, with
 * status 0 if there was no response.
 * @param {string} method
 * @param {string} path
 * @param {object} [body]
 * @param {RequestCredentials} [credentials] "omit": without the session.
 */
export async function ask(method, path, body, credentials = "same-origin") {
  const isForm = body instanceof FormData;
  const signal = AbortSignal.timeout(isForm ? UPLOAD_DEADLINE_MS : DEADLINE_MS);
  const headers = body === undefined || isForm ? undefined : { "Content-Type": "application/json" };
  let response;
  let answer;
  try {
    const sent = isForm ? body : body && JSON.stringify(body);
    response = await fetch(path, { method, headers, body: sent, credentials, signal });
    const wait = Number(response.headers.get("Retry-After"));
    if (wait) throw new Refused(`Too many requests. Please try again in ${duration(wait)}.`, TOO_OFTEN);
    answer = await response.json();
  } catch (error) {
    if (error instanceof Refused) throw error;
    throw new Refused("The server cannot be reached. Please try again.", 0);
  }
  if (!response.ok) throw new Refused(answer.message ?? "That did not work. Please try again.", response.status);
  return answer;
}

/**
 * Calls an endpoint of the contract and returns its `msg`. Throws Refused with the contract's code.
 * @param {string} endpoint
 * @param {object} [body]
 * @param {RequestCredentials} [credentials]
 */
export const call = async (endpoint, body = {}, credentials = undefined) => (await callInFull(endpoint, body, credentials)).msg;

/**
 * The same with what an answer has beside `msg`.
 * @param {string} endpoint
 * @param {object} [body]
 * @param {RequestCredentials} [credentials]
 */
export async function callInFull(endpoint, body = {}, credentials = undefined) {
  const answer = await ask("POST", `/api/${endpoint}`, body, credentials);
  if (answer.code !== 200) throw new Refused(String(answer.msg), answer.code);
  return answer;
}

/** A random id. `crypto.randomUUID` is missing on pages that were loaded over plain http. */
export const uniqueId = () => Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) => byte.toString(16).padStart(2, "0")).join("");

/** @returns {Promise<Session>} */
export const showSession = () => ask("GET", "/session");

/**
 * The keys are those of a way in `api/pages/sign_in_ways.py`.
 * @param {Record<string, string>} values
 * @returns {Promise<Session>}
 */
export const signIn = (values) => ask("POST", "/session", values);

/**
 * @param {string} address  an email address or a phone number
 * @returns {Promise<string>}
 */
export const sendSignInCode = (address) => (address.includes("@") ? call("verifyRegisterEmailCode", { email: address }) : call("verifyPhoneNo", { phone: address }));

/**
 * @param {string} address  an email address or a phone number
 * @returns {Promise<string>}
 */
export const sendResetCode = (address) => call("forgotPassword", { email: address });

/** @returns {Promise<Session>} */
export const signOut = () => ask("DELETE", "/session");

/**
 * One page of the live streams. Pages start at 1.
 * @param {number} page
 * @returns {Promise<LivePage>}
 */
export const showLive = (page) => ask("GET", `/live?page=${page}`);

/** @returns {Promise<Gift[]>} */
export const showGifts = async () => (await call("showGifts")).map((/** @type {{ Gift: Gift }} */ entry) => entry.Gift);

/**
 * Where pages buy coins, and for how much.
 * @returns {Promise<Shop>}
 */
export const showShop = () => ask("GET", "/shop");

/**
 * Buys from the sandbox store of development mode. Returns the new number of coins in the wallet.
 * @param {CoinPackage} pack
 * @returns {Promise<number>}
 */
export async function buyInSandbox(pack) {
  const receipt = await call("sandbox/purchases", { product_id: pack.product_id });
  const bought = await call("purchaseCoin", { transaction_id: receipt.transaction_id, coin: pack.coins, device: "web" });
  return bought.User.wallet;
}

/** @returns {Promise<OwnStream | null>} */
export const currentStream = async () => (await ask("GET", "/studio/current")).stream;

/**
 * @param {object} change
 * @returns {Promise<OwnStream>}
 */
export const liveStream = async (change) => (await call("liveStream", change)).LiveStreaming;
