/** The page's end of the line to the worker that signs and examines files. */

import type { Answer, CallName, Calls, Failure, Request } from "./protocol";
import type { Examination } from "./report";
import type { SignedFile, SignOrder } from "./signing";

/** Of a manifest in a file of its own. */
export const MANIFEST_TYPE = "application/c2pa";
/** Of the package. */
const VERSION: string = import.meta.env.VIVANT_VERSION;
/** How long any file may keep the worker busy: some that are made to do harm would do so for hours. */
const PATIENCE_MS = 60_000;
const HASHED = 20_000; // bytes a millisecond that the slowest device hashes; large files get more time by it
export const SIGNING = "vivant:sign"; // the page's own measure of what it took

export class CredentialsError extends Error {
  override readonly name = "CredentialsError";

  constructor(
    readonly failure: Failure,
    message: string,
  ) {
    super(message);
  }
}

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: CredentialsError) => void;
}

/** Loads the library when first asked, and keeps it until `end`. */
export class Credentials {
  readonly #pending = new Map<number, Pending>();
  #worker: Worker | null = null;
  #next = 0;

  /** Gets ready in the background what the first signature needs; whoever signs hears of a failure. */
  prepare(): void {
    this.#call("prepare", { version: VERSION }).catch(() => undefined);
  }

  /** Throws CredentialsError. */
  async sign(order: SignOrder): Promise<SignedFile> {
    await this.#call("prepare", { version: VERSION });
    const start = performance.now();
    const signed = await this.#call("sign", { version: VERSION, order });
    performance.measure(SIGNING, { start, detail: order.format });
    return signed;
  }

  /** What a file says of itself. Throws CredentialsError where the library cannot be had. */
  async examine(file: Blob, sidecar: Blob | null): Promise<Examination> {
    let timer = 0;
    const patience = new Promise<Examination>((resolve) => {
      timer = self.setTimeout(() => {
        this.end();
        resolve({ state: "unreadable", mediaType: null, reasons: [], claims: null });
      }, PATIENCE_MS + file.size / HASHED);
    });
    try {
      return await Promise.race([this.#call("examine", { file, sidecar }), patience]);
    } finally {
      clearTimeout(timer);
    }
  }

  end(): void {
    this.#worker?.terminate();
    this.#abandon(new CredentialsError("failed", "The worker that signs was ended."));
  }

  #call<Name extends CallName>(call: Name, request: Calls[Name][0]): Promise<Calls[Name][1]> {
    this.#worker ??= this.#started();
    const worker = this.#worker;
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as (value: unknown) => void, reject });
      worker.postMessage({ id, call, with: request } as Request);
    });
  }

  #started(): Worker {
    const worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "vivant-credentials" });
    worker.onmessage = ({ data }: MessageEvent<Answer>) => {
      const pending = this.#pending.get(data.id);
      this.#pending.delete(data.id);
      if ("failure" in data) pending?.reject(new CredentialsError(data.failure, data.message));
      else pending?.resolve(data.value);
    };
    worker.onerror = (event) => {
      this.#abandon(new CredentialsError("unavailable", event.message || "The worker that signs could not be started."));
    };
    return worker;
  }

  #abandon(error: CredentialsError): void {
    this.#worker = null;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }

  /** Fetches what signing needs, so that it is on this device from then on; without a connection nothing happens. */
  static async fetchAhead(): Promise<void> {
    const credentials = new Credentials();
    await credentials.#call("fetch", null).catch(() => undefined);
    credentials.end();
  }
}
