// @ts-check
/** The page that says why there is no other: only who is signed in is alive here. */

import { Account } from "./account.js";

new Account().refresh();
