/** From a folder's address to graphs that run on the best backend of this browser. */

import type { Backend, BackendReport, DownloadProgress } from "../engine/types";
import { loadFiles, loadJson } from "../offline/store";
import { benchmark } from "./benchmark";
import { Graphs } from "./graphs";
import { filesOf, type GraphName, GRAPHS, type Manifest, parseManifest } from "./manifest";
import { candidates, capabilities, loadRuntime } from "./runtime";
import { type MotionTrack, parseTrack } from "./tracks";

export interface StartOptions {
  /** Folders, absolute. */
  readonly bundle: string;
  readonly runtime: string;
  readonly backend: Backend | undefined;
  readonly onDownload: (progress: DownloadProgress) => void;
  readonly onLost: () => void;
}

export interface Loaded {
  readonly graphs: Graphs;
  readonly tracks: ReadonlyMap<string, MotionTrack>;
  readonly report: BackendReport;
}

/** Only the frame graph is worth the way to the GPU; the rest is small or runs once per photo. */
const GPU_GRAPHS: ReadonlySet<GraphName> = new Set(["render"]);

export async function start(options: StartOptions): Promise<Loaded> {
  const can = await capabilities();
  const backends = candidates(can, options.backend);
  const gpu = backends.includes("webgpu");
  const threads = backends.includes("wasm") ? 1 : can.threads;
  const [runtime, { manifest, files }] = await Promise.all([
    loadRuntime(options.runtime, gpu, threads),
    loadBundle(options),
  ]);
  const tried: { backend: Backend; graphs: Graphs; milliseconds: number }[] = [];
  for (const backend of backends) {
    const onGpu = backend === "webgpu" ? GPU_GRAPHS : new Set<GraphName>();
    const graphs = new Graphs({ ort: runtime.ort, manifest, files, onGpu });
    try {
      tried.push({ backend, graphs, milliseconds: await benchmark(graphs) });
    } catch (error) {
      await graphs.dispose();
      if (backend === backends.at(-1) && !tried.length) throw error;
    }
  }
  tried.sort((a, b) => a.milliseconds - b.milliseconds);
  const [best, ...others] = tried;
  if (!best) throw new Error("no backend was tried");
  for (const { graphs } of others) await graphs.dispose();
  await best.graphs.prepare(GRAPHS);
  if (best.backend === "webgpu") {
    const device = (await runtime.ort.env.webgpu.device) as GPUDevice;
    void device.lost.then(options.onLost);
  }
  const measured = Object.fromEntries(tried.map(({ backend, milliseconds }) => [backend, milliseconds]));
  const tracks = Object.entries(manifest.presets).map(([name, entry]) => {
    return [name, parseTrack(files.get(entry.file) ?? new ArrayBuffer(0))] as const;
  });
  return { graphs: best.graphs, tracks: new Map(tracks), report: { chosen: best.backend, threads, measured } };
}

async function loadBundle(
  options: StartOptions,
): Promise<{ manifest: Manifest; files: ReadonlyMap<string, ArrayBuffer> }> {
  const where = { folder: options.bundle, onProgress: options.onDownload };
  const manifest = parseManifest(await loadJson(where));
  return { manifest, files: await loadFiles(filesOf(manifest), where) };
}
