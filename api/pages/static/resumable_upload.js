// @ts-check
/** The upload of one file in parts, by tus. It continues after a lost connection, and when the same file is chosen again on a new page. */

const SCRIPT = new URL("./vendor/tus-4.3.1.min.js", import.meta.url).href;
const RETRY_MS = [0, 500, 1_000, 2_000, 4_000, 8_000];
const REFUSED = "The file cannot be uploaded.";

/** @type {Promise<any> | null} */
let script = null;

/** The library tus-js-client. Loads the script at first use. */
function tusScript() {
  script ??= new Promise((resolve, reject) => {
    const element = document.createElement("script");
    element.src = SCRIPT;
    element.onload = () => resolve(/** @type {any} */ (window).tus);
    element.onerror = () => {
      script = null;
      element.remove();
      reject(new Error("The server cannot be reached. Please try again."));
    };
    document.head.append(element);
  });
  return script;
}

export class ResumableUpload {
  /** The upload of tus-js-client. */ #upload = /** @type {any} */ (null);
  #over = false;
  /** The id that the server gave to the upload, when all of the file is there. */ id = "";

  /**
   * @param {File} file
   * @param {{ progress: (sent: number) => void, done: () => void, failed: (message: string) => void }} listener
   */
  constructor(file, listener) {
    this.file = file;
    this.listener = listener;
  }

  /** Starts, or continues after a failure, where the server says that the file ends. */
  async start() {
    try {
      this.#upload ??= await this.#prepared();
      if (!this.#over) this.#upload.start();
    } catch (error) {
      this.listener.failed(error instanceof Error ? error.message : String(error));
    }
  }

  async #prepared() {
    const tus = await tusScript();
    const upload = new tus.Upload(this.file, {
      endpoint: "/uploads",
      retryDelays: RETRY_MS,
      metadata: { filename: this.file.name },
      onProgress: (/** @type {number} */ sent) => this.listener.progress(sent),
      onError: (/** @type {any} */ error) => this.listener.failed(textOf(error)),
      onSuccess: () => {
        this.id = upload.url.split("/").at(-1);
        this.listener.done();
      },
    });
    const [previous] = await upload.findPreviousUploads();
    if (previous) upload.resumeFromPreviousUpload(previous);
    return upload;
  }

  /** Whether the server does not have the file any more: it deletes what it refuses as no video, and old ones. */
  async isGone() {
    const { status } = await fetch(`/uploads/${this.id}`, { method: "HEAD", headers: { "Tus-Resumable": "1.0.0" } }).catch(() => ({ status: 0 }));
    return status === 404;
  }

  /** Stops, and deletes on the server what has arrived. */
  giveUp() {
    this.#over = true;
    this.#upload?.abort(true).catch(() => undefined); // the server deletes it later
  }
}

/**
 * What the server says, or that it says nothing.
 * @param {any} error  of tus-js-client
 */
function textOf(error) {
  const response = error.originalResponse;
  if (!response) return "The connection is lost.";
  return response.getBody()?.trim() || REFUSED;
}
