/** The models on this device: fetched once, checked by SHA-256, kept in the Cache API under their hash. */

import { type DownloadProgress, EngineError } from "../engine/types";
import type { BundleFile } from "../worker/manifest";
import { MODEL_CACHE } from "./names";

const PARALLEL = 4;

export interface StoreOptions {
  /** The bundle's folder, absolute. */
  readonly folder: string;
  readonly onProgress?: (progress: DownloadProgress) => void;
  /** Files of the bundle that stay in the cache if they are there; those that are loaded stay anyway. */
  readonly keep?: readonly BundleFile[];
  /** Replaced in tests. */
  readonly fetch?: typeof fetch;
  readonly caches?: CacheStorage | undefined;
}

/** `manifest.json`: from the network, or without one as it was last seen. */
export async function loadJson(options: StoreOptions): Promise<unknown> {
  const url = new URL("manifest.json", options.folder).href;
  const cache = await openCache(options);
  let response: Response | undefined;
  try {
    response = await (options.fetch ?? fetch)(url, { cache: "no-cache" });
  } catch {
    response = undefined; // offline
  }
  if (response?.ok) {
    await cache?.put(url, response.clone()).catch(() => undefined);
  } else {
    const kept = await cache?.match(url);
    if (!kept) throw failed("manifest.json", response ? `the server answers ${response.status}` : "no connection");
    response = kept;
  }
  try {
    return await response.json();
  } catch {
    throw new EngineError("bundle-broken", "The bundle's manifest.json is not JSON.");
  }
}

/**
 * The files' bytes by `file`; those of an older bundle are thrown away.
 * Throws EngineError: `download-failed`, or `bundle-broken` where a file is not the one that the manifest names.
 */
export async function loadFiles(files: readonly BundleFile[], options: StoreOptions): Promise<Map<string, ArrayBuffer>> {
  const cache = await openCache(options);
  const totalBytes = files.reduce((sum, file) => sum + file.bytes, 0);
  const loaded = new Map<string, ArrayBuffer>();
  const counts = new Map<string, number>();
  let fromCache = true;
  const report = () => {
    const loadedBytes = [...counts.values()].reduce((sum, bytes) => sum + bytes, 0);
    options.onProgress?.({ loadedBytes: Math.min(loadedBytes, totalBytes), totalBytes, fromCache });
  };
  const loadOne = async (entry: BundleFile): Promise<ArrayBuffer> => {
    const key = new URL(`${entry.file}?sha256=${entry.sha256}`, options.folder).href;
    const kept = await cache?.match(key);
    if (kept) {
      const bytes = await kept.arrayBuffer();
      if ((await sha256(bytes)) === entry.sha256) {
        counts.set(entry.file, entry.bytes);
        report();
        return bytes;
      }
      await cache?.delete(key);
    }
    fromCache = false;
    const bytes = await download(entry, options, (count) => {
      counts.set(entry.file, count);
      report();
    });
    // A full disk must not stop anyone: the models are then simply fetched again next time.
    await cache?.put(key, new Response(bytes)).catch(() => undefined);
    return bytes;
  };
  const waiting = [...files];
  const work = async () => {
    for (let entry = waiting.shift(); entry; entry = waiting.shift()) loaded.set(entry.file, await loadOne(entry));
  };
  await Promise.all(Array.from({ length: PARALLEL }, work));
  await forgetOthers(cache, [...files, ...(options.keep ?? [])], options.folder);
  return loaded;
}

async function download(
  entry: BundleFile,
  options: StoreOptions,
  onBytes: (count: number) => void,
): Promise<ArrayBuffer> {
  let received: Uint8Array<ArrayBuffer>;
  try {
    const response = await (options.fetch ?? fetch)(new URL(entry.file, options.folder).href, { cache: "no-cache" });
    if (!response.ok || !response.body) throw new Error(`the server answers ${response.status}`);
    received = await collect(response.body, entry, onBytes);
  } catch (error) {
    if (error instanceof EngineError) throw error;
    throw failed(entry.file, error instanceof Error ? error.message : String(error));
  }
  if ((await sha256(received.buffer)) !== entry.sha256) throw notTheNamed(entry);
  return received.buffer;
}

async function collect(
  body: ReadableStream<Uint8Array>,
  entry: BundleFile,
  onBytes: (count: number) => void,
): Promise<Uint8Array<ArrayBuffer>> {
  const bytes = new Uint8Array(entry.bytes);
  let count = 0;
  for await (const chunk of body) {
    if (count + chunk.length > entry.bytes) throw notTheNamed(entry);
    bytes.set(chunk, count);
    count += chunk.length;
    onBytes(count);
  }
  if (count !== entry.bytes) throw notTheNamed(entry);
  return bytes;
}

async function forgetOthers(cache: Cache | undefined, files: readonly BundleFile[], folder: string): Promise<void> {
  const wanted = new Set(files.map((file) => new URL(`${file.file}?sha256=${file.sha256}`, folder).href));
  for (const request of (await cache?.keys()) ?? []) {
    const ours = request.url.startsWith(folder) && request.url.includes("?sha256=");
    if (ours && !wanted.has(request.url)) await cache?.delete(request);
  }
}

async function openCache(options: StoreOptions): Promise<Cache | undefined> {
  const storage = "caches" in options ? options.caches : globalThis.caches;
  try {
    return await storage?.open(MODEL_CACHE);
  } catch {
    return undefined; // private windows of some browsers refuse
  }
}

export async function sha256(bytes: ArrayBuffer): Promise<string> {
  const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", bytes));
  return Array.from(digest, (byte) => byte.toString(16).padStart(2, "0")).join("");
}

function failed(file: string, why: string): EngineError {
  return new EngineError("download-failed", `${file} could not be loaded: ${why}.`);
}

function notTheNamed(entry: BundleFile): EngineError {
  return new EngineError("bundle-broken", `${entry.file} is not the file that the manifest names: it was changed.`);
}
