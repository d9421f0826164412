// @ts-check
/** What a session's device is called. */

/** @type {[pattern: RegExp, name: string][]} */
const BROWSERS = [[/Edg(e|A|iOS)?\//, "Edge"], [/OPR\//, "Opera"], [/SamsungBrowser\//, "Samsung Internet"], [/Firefox\/|FxiOS\//, "Firefox"],
  [/Chrome\/|CriOS\//, "Chrome"], [/Safari\//, "Safari"]];
/** @type {[pattern: RegExp, name: string][]} */
const SYSTEMS = [[/iPhone/, "iPhone"], [/iPad/, "iPad"], [/Android/, "Android"], [/CrOS/, "ChromeOS"], [/Windows/, "Windows"], [/Mac OS X|Macintosh/, "macOS"], [/Linux/, "Linux"]];
/** @type {Record<string, string>} */
const APPS = { ios: "iPhone app", android: "Android app", android_kt: "Android app" };
const LONGEST = 40;

/**
 * `Firefox on Windows`
 * @param {string} app
 * @param {string} userAgent
 */
export function deviceName(app, userAgent) {
  if (APPS[app]) return APPS[app];
  const [browser, system] = [BROWSERS, SYSTEMS].map((list) => list.find(([pattern]) => pattern.test(userAgent))?.[1]);
  if (browser && system) return `${browser} on ${system}`;
  return browser ?? system ?? (userAgent.slice(0, LONGEST) || "Unknown device");
}
