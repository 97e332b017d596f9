/**
 * The service worker: keeps the site on the device, so that it works offline, and adds the headers of cross-origin
 * isolation where the host cannot send them, from the second load on. The models have a store of their own.
 */

import { MODEL_CACHE, ON_DEMAND } from "./names";

// The build puts the site's files and their common hash here: see scripts/site.ts.
const FILES = "__FILES__" as unknown as readonly string[];
const CACHE = "vivant-site-__VERSION__";

// The files are the same for whoever asks: some hosts send `Vary: Origin`, which scripts and workers do not agree on.
const MATCH = { ignoreSearch: true, ignoreVary: true };

const worker = globalThis as unknown as ServiceWorkerGlobalScope;

worker.addEventListener("install", (event) => {
  event.waitUntil(install());
});

worker.addEventListener("activate", (event) => {
  event.waitUntil(activate());
});

worker.addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  if (request.method !== "GET" || !url.href.startsWith(worker.registration.scope)) return;
  event.respondWith(answer(request));
});

async function install(): Promise<void> {
  const cache = await caches.open(CACHE);
  await cache.addAll(FILES.map((file) => new Request(file, { cache: "no-cache" })));
  await worker.skipWaiting();
}

async function activate(): Promise<void> {
  for (const name of await caches.keys()) {
    if (name.startsWith("vivant-") && name !== CACHE && name !== MODEL_CACHE) await caches.delete(name);
  }
  await worker.clients.claim();
}

async function answer(request: Request): Promise<Response> {
  const path = new URL(request.url).pathname.slice(new URL(worker.registration.scope).pathname.length);
  if (path.startsWith("bundle/")) return isolated(await fetch(request)); // kept by hash: see store.ts
  const cache = await caches.open(CACHE);
  if (request.mode === "navigate") return isolated(await newestPage(request, cache));
  const kept = await cache.match(request, MATCH);
  if (kept) return isolated(kept);
  const response = await fetch(request);
  // Of ONNX Runtime's builds the one that this browser uses, and what signs, are kept once they were asked for.
  if (response.ok && ON_DEMAND.test(path)) await cache.put(request, response.clone()).catch(() => undefined);
  return isolated(response);
}

/** The page from the network, or offline as it was installed. */
async function newestPage(request: Request, cache: Cache): Promise<Response> {
  try {
    return await fetch(request);
  } catch (error) {
    const kept = (await cache.match(request, MATCH)) ?? (await cache.match("./"));
    if (kept) return kept;
    throw error;
  }
}

function isolated(response: Response): Response {
  if (response.status === 0 || response.headers.has("Cross-Origin-Embedder-Policy")) return response;
  const headers = new Headers(response.headers);
  headers.set("Cross-Origin-Opener-Policy", "same-origin");
  headers.set("Cross-Origin-Embedder-Policy", "require-corp");
  headers.set("Cross-Origin-Resource-Policy", "same-origin");
  const { status, statusText } = response;
  return new Response(response.body, { status, statusText, headers });
}
