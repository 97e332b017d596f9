import { describe, expect, test } from "vitest";
import type { DownloadProgress } from "../../src/engine/types";
import { loadFiles, loadJson, sha256 } from "../../src/offline/store";
import type { BundleFile } from "../../src/worker/manifest";

const FOLDER = "https://site.example/app/bundle/";
const CONTENT = { "a.onnx": "the first model", "presets/b.safetensors": "a motion" };

/** A Cache API in memory. */
function memoryCaches() {
  const kept = new Map<string, Response>();
  const key = (request: RequestInfo | URL) => (request instanceof Request ? request.url : String(request));
  const cache = {
    match: async (request: RequestInfo) => kept.get(key(request))?.clone(),
    put: async (request: RequestInfo, response: Response) => void kept.set(key(request), response.clone()),
    delete: async (request: RequestInfo) => kept.delete(key(request)),
    keys: async () => [...kept.keys()].map((url) => new Request(url)),
  };
  return { kept, caches: { open: async () => cache } as unknown as CacheStorage };
}

function server(content: Record<string, string | number> = CONTENT) {
  const asked: string[] = [];
  const answer = async (url: RequestInfo | URL) => {
    const name = String(url).slice(FOLDER.length);
    asked.push(name);
    const body = content[name];
    if (body === undefined) throw new TypeError("no connection");
    return typeof body === "number" ? new Response("", { status: body }) : new Response(body);
  };
  return { asked, fetch: answer as typeof fetch };
}

async function files(): Promise<BundleFile[]> {
  return Promise.all(
    Object.entries(CONTENT).map(async ([file, text]) => {
      const bytes = new TextEncoder().encode(text);
      return { file, bytes: bytes.length, sha256: await sha256(bytes.buffer) };
    }),
  );
}

describe("the store of the models", () => {
  test("fetches everything once, counts the bytes, and then needs no server", async () => {
    const { caches } = memoryCaches();
    const seen: DownloadProgress[] = [];
    const onProgress = (progress: DownloadProgress) => seen.push(progress);
    const loaded = await loadFiles(await files(), { folder: FOLDER, caches, onProgress, ...server() });
    expect(new TextDecoder().decode(loaded.get("a.onnx"))).toBe(CONTENT["a.onnx"]);
    expect(seen.at(-1)).toEqual({ loadedBytes: 23, totalBytes: 23, fromCache: false });
    const silent = server({});
    await loadFiles(await files(), { folder: FOLDER, caches, onProgress, ...silent });
    expect(silent.asked).toEqual([]);
    expect(seen.at(-1)).toEqual({ loadedBytes: 23, totalBytes: 23, fromCache: true });
  });

  test("throws away what an older bundle left", async () => {
    const { kept, caches } = memoryCaches();
    kept.set(`${FOLDER}a.onnx?sha256=${"0".repeat(64)}`, new Response("old"));
    await loadFiles(await files(), { folder: FOLDER, caches, ...server() });
    expect([...kept.keys()].filter((url) => url.includes("000000"))).toEqual([]);
  });

  test("leaves what the bundle has for other backends", async () => {
    const { kept, caches } = memoryCaches();
    const [first, second] = await files();
    if (!first || !second) throw new Error("two files are needed");
    await loadFiles([first], { folder: FOLDER, caches, ...server() });
    await loadFiles([second], { folder: FOLDER, caches, keep: [first, second], ...server() });
    expect(kept.size).toBe(2);
    await loadFiles([second], { folder: FOLDER, caches, ...server() });
    expect(kept.size).toBe(1);
  });

  test("fetches anew what was changed in the cache", async () => {
    const { kept, caches } = memoryCaches();
    await loadFiles(await files(), { folder: FOLDER, caches, ...server() });
    const [first] = [...kept.keys()];
    kept.set(first ?? "", new Response("something else"));
    const again = server();
    await loadFiles(await files(), { folder: FOLDER, caches, ...again });
    expect(again.asked).toHaveLength(1);
  });

  test.each([
    ["changed", { ...CONTENT, "a.onnx": "the f1rst model" }, "bundle-broken"],
    ["longer", { ...CONTENT, "a.onnx": "the first model and more" }, "bundle-broken"],
    ["shorter", { ...CONTENT, "a.onnx": "the first" }, "bundle-broken"],
    ["missing", { ...CONTENT, "a.onnx": 404 }, "download-failed"],
    ["unreachable", { "presets/b.safetensors": CONTENT["presets/b.safetensors"] }, "download-failed"],
  ])("refuses a file that is %s", async (_, content, code) => {
    const { kept, caches } = memoryCaches();
    const loading = loadFiles(await files(), { folder: FOLDER, caches, ...server(content) });
    await expect(loading).rejects.toMatchObject({ code });
    expect([...kept.keys()].filter((url) => url.includes("a.onnx"))).toEqual([]);
  });

  test("works where the browser offers no cache", async () => {
    const loaded = await loadFiles(await files(), { folder: FOLDER, caches: undefined, ...server() });
    expect(loaded.size).toBe(2);
  });

  test("has the manifest as it was last seen when there is no connection", async () => {
    const { caches } = memoryCaches();
    const online = await loadJson({ folder: FOLDER, caches, ...server({ "manifest.json": '{"a": 1}' }) });
    expect(await loadJson({ folder: FOLDER, caches, ...server({}) })).toEqual(online);
    const other = memoryCaches().caches;
    await expect(loadJson({ folder: FOLDER, caches: other, ...server({}) })).rejects.toMatchObject({ code: "download-failed" });
  });
});
