/** From a folder's address to graphs that run on the best backend of this browser. */

import type { Backend, BackendReport, DownloadProgress } from "../engine/types";
import { loadFiles, loadJson } from "../offline/store";
import { benchmark } from "./benchmark";
import { Crew } from "./crew";
import type { CrewStart, Recruit } from "./crew-orders";
import { Graphs } from "./graphs";
import { type BundleFile, filesOf, filesToStart, fitted, type GraphName, GRAPHS, type Manifest, parseManifest } from "./manifest";
import { OwnRenderer, type Renderer } from "./renderer";
import { candidates, capabilities, loadRuntime, type OrtModule } from "./runtime";
import { type MotionTrack, parseTrack } from "./tracks";

export interface StartOptions {
  /** Folders, absolute. */
  readonly bundle: string;
  readonly runtime: string;
  readonly backend: Backend | undefined;
  readonly onDownload: (progress: DownloadProgress) => void;
  readonly onLost: () => void;
  readonly recruit: Recruit;
}

export interface Loaded {
  readonly graphs: Graphs;
  readonly renderer: Renderer;
  readonly tracks: ReadonlyMap<string, MotionTrack>;
  readonly report: BackendReport;
}

/** Only the frame graph is worth the way to the GPU; the rest is small or runs once per photo. */
const GPU_GRAPHS: ReadonlySet<GraphName> = new Set(["render"]);

/** A GPU that is as fast as this at the smallest size is taken without trying the CPU, which would be a download more. */
const FAST_MS = 20;

export async function start(options: StartOptions): Promise<Loaded> {
  const can = await capabilities();
  const backends = candidates(can, options.backend);
  const gpu = backends.includes("webgpu");
  const [ort, manifest] = await Promise.all([
    loadRuntime(options.runtime, gpu),
    loadJson({ folder: options.bundle }).then(parseManifest),
  ]);
  const files = new Map<string, ArrayBuffer>();
  const tried: Tried[] = [];
  for (const backend of backends) {
    try {
      const graphs = await graphsFor(backend, ort, manifest, files, options);
      const lanes = backend === "wasm-threads" ? can.threads : 1;
      tried.push({ backend, graphs, lanes, milliseconds: (await measured(graphs)) / lanes });
      if ((tried.at(-1)?.milliseconds ?? Infinity) <= FAST_MS) break;
    } catch (error) {
      if (backend === backends.at(-1) && !tried.length) throw error;
    }
  }
  tried.sort((a, b) => a.milliseconds - b.milliseconds);
  const [best, ...others] = tried;
  if (!best) throw new Error("no backend was tried");
  for (const { graphs } of others) await graphs.dispose();
  const renderer = await rendererFor(best, files, { runtime: options.runtime, gpu }, options.recruit);
  await best.graphs.prepare(GRAPHS.filter((name) => name !== "render" || renderer.lanes === 1));
  if (best.backend === "webgpu") {
    const device = (await ort.env.webgpu.device) as GPUDevice;
    void device.lost.then(options.onLost);
  }
  const times = Object.fromEntries(tried.map(({ backend, milliseconds }) => [backend, milliseconds]));
  const tracks = Object.entries(manifest.presets).map(([name, entry]) => {
    return [name, parseTrack(files.get(entry.file) ?? new ArrayBuffer(0))] as const;
  });
  const report = { chosen: best.backend, threads: renderer.lanes, measured: times };
  return { graphs: best.graphs, renderer, tracks: new Map(tracks), report };
}

interface Tried {
  readonly backend: Backend;
  readonly graphs: Graphs;
  readonly lanes: number;
  /** Per frame, with all lanes at work. */
  readonly milliseconds: number;
}

/** Workers that render, where several can; they take the place of these graphs' own session. */
async function rendererFor(
  { graphs, lanes }: Tried,
  files: ReadonlyMap<string, ArrayBuffer>,
  build: Pick<CrewStart, "runtime" | "gpu">,
  recruit: Recruit,
): Promise<Renderer> {
  const { manifest } = graphs;
  const model = files.get(manifest.graphs.render.file);
  if (lanes === 1 || !model) return new OwnRenderer(graphs);
  await graphs.release("render");
  return Crew.of(lanes, { ...build, manifest, model }, recruit);
}

/** `benchmark`, after whose failure nothing is left behind. */
async function measured(graphs: Graphs): Promise<number> {
  try {
    return await benchmark(graphs);
  } catch (error) {
    await graphs.dispose();
    throw error;
  }
}

/** The graphs made for a backend; `files` grows by those that it lacks. */
async function graphsFor(
  backend: Backend,
  ort: OrtModule,
  bundle: Manifest,
  files: Map<string, ArrayBuffer>,
  options: StartOptions,
): Promise<Graphs> {
  const manifest = fitted(bundle, backend === "webgpu" ? "webgpu" : "wasm");
  const lacking = filesToStart(manifest).filter(({ file }) => !files.has(file));
  const where = { folder: options.bundle, keep: filesOf(bundle) };
  for (const [file, content] of await loadFiles(lacking, { ...where, onProgress: options.onDownload })) files.set(file, content);
  const fetchFile = async (entry: BundleFile) => (await loadFiles([entry], where)).get(entry.file);
  return new Graphs({ ort, manifest, files, fetchFile, onGpu: backend === "webgpu" ? GPU_GRAPHS : new Set() });
}
