/** Signs and examines files in the background, one after the other. */

import { examineFile } from "./examination";
import { loadCertificates, ownSigner } from "./key";
import { fetchLibrary, loadLibrary } from "./library";
import type { Answer, CallName, Calls, Request } from "./protocol";
import { prove, signFile } from "./signing";
import type { Signer } from "./cose";
import { Unavailable } from "./unavailable";

type Handlers = { readonly [Name in CallName]: (request: Calls[Name][0]) => Promise<Calls[Name][1]> };

let proven: Promise<Signer> | null = null;

const handlers: Handlers = {
  async fetch() {
    const [response] = await Promise.all([fetchLibrary(), loadCertificates()]);
    await response.arrayBuffer();
    return null;
  },
  async prepare({ version }) {
    await ready(version);
    return null;
  },
  async sign({ version, order }) {
    return signFile(order, await ready(version), maker(version));
  },
  async examine({ file, sidecar }) {
    await loadLibrary();
    return examineFile(file, sidecar);
  },
};

/** The visitor's signer, once it is known that what it signs is valid. */
async function ready(version: string): Promise<Signer> {
  proven ??= (async () => {
    const [signer] = await Promise.all([ownSigner(), loadLibrary()]);
    await prove(signer, maker(version));
    return signer;
  })();
  try {
    return await proven;
  } catch (error) {
    proven = null;
    throw error;
  }
}

function maker(version: string): { version: string; when: string } {
  return { version, when: new Date().toISOString().replace(/\.\d+Z$/, "Z") };
}

async function answer({ id, call, with: request }: Request): Promise<void> {
  const handle = handlers[call] as (request: unknown) => Promise<unknown>;
  try {
    const value = await handle(request);
    const bytes = (value as { bytes?: Uint8Array } | null)?.bytes;
    postMessage({ id, value } satisfies Answer, { transfer: bytes ? [bytes.buffer] : [] });
  } catch (error) {
    const failure = error instanceof Unavailable ? "unavailable" : "failed";
    postMessage({ id, failure, message: String(error) } satisfies Answer);
  }
}

let last: Promise<unknown> = Promise.resolve();
addEventListener("message", ({ data }: MessageEvent<Request>) => {
  last = last.then(() => answer(data));
});
