/** `manifest.json` of a bundle: every number of the models that a host needs. Mirrors runtime/manifest.py. */

import { EngineError } from "../engine/types";

const FORMAT = "vivant-bundle-1";
export const GRAPHS = [
  "detect", "detect_far", "track", "head", "matte", "encode", "motion", "retarget", "render", "paste",
] as const;
/** Those that a portrait moves without, fetched when first wanted: for more photos of a person, and for files. */
export const LATER_GRAPHS = ["refer", "watermark_embed", "watermark_read", "watermark_decode"] as const;
export type GraphName = (typeof GRAPHS)[number] | (typeof LATER_GRAPHS)[number];

/** A file of the bundle: its place relative to the bundle's folder, its size, its SHA-256 in hex. */
export interface BundleFile {
  readonly file: string;
  readonly bytes: number;
  readonly sha256: string;
}

export interface TensorInfo {
  readonly name: string;
  readonly dtype: string;
  readonly shape: readonly (number | string)[];
  readonly range: readonly [number | null, number | null];
}

export interface GraphFile extends BundleFile {
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];
}

/** A graph made anew for one kind of host; it takes the place of the graph of that name. */
export interface Variant extends GraphFile {
  readonly graph: GraphName;
  readonly target: Target;
  /** Features that the GPU's shaders must have. */
  readonly needs: readonly string[];
}

export type Target = "webgpu" | "wasm";

export interface Thresholds {
  readonly presence: number;
  readonly min_face: number;
  readonly max_yaw_degrees: number;
}

/** What a host does around the graphs: see the Python modules of the same names. */
export interface Host {
  readonly gains: readonly string[];
  readonly photo: { readonly max_side: number; readonly max_megapixels: number; readonly max_count: number };
  readonly faces: {
    readonly eye_corners: readonly [number, number];
    readonly looks: number;
    readonly settled: number;
    readonly same_face: number;
  };
  readonly max_size: number;
  readonly driver: {
    readonly max_side: number;
    readonly thumbnail: number;
    readonly cut: number;
    readonly jump: number;
  };
  readonly smoothing: { readonly min_cutoff: number; readonly beta: number; readonly derivative_cutoff: number };
}

/** How the watermark is looked for: see WatermarkSearch in runtime/manifest.py. */
export interface WatermarkSearch {
  readonly scales: readonly number[];
  readonly threshold: number;
  readonly frames: number;
  readonly search_frames: number;
}

export interface Manifest {
  readonly name: string;
  readonly version: string;
  readonly graphs: Readonly<Record<GraphName, GraphFile>>;
  readonly variants: readonly Variant[];
  readonly presets: Readonly<Record<string, BundleFile>>;
  readonly thresholds: Thresholds;
  readonly watermark: WatermarkSearch;
  readonly host: Host;
}

/** Checks what came out of `manifest.json`; throws EngineError `bundle-broken`. */
export function parseManifest(data: unknown): Manifest {
  const manifest = data as Partial<Manifest> & { format?: string };
  if (manifest?.format !== FORMAT) throw broken(`it is of the format ${manifest?.format}, not ${FORMAT}`);
  for (const part of ["name", "version", "graphs", "variants", "presets", "thresholds", "watermark", "host"] as const) {
    if (manifest[part] === undefined) throw broken(`it lacks ${part}`);
  }
  const { graphs, variants, presets } = manifest as Manifest;
  for (const name of [...GRAPHS, ...LATER_GRAPHS]) {
    if (graphs[name] === undefined) throw broken(`it lacks the graph ${name}`);
  }
  for (const { file, bytes, sha256 } of [...Object.values(graphs), ...variants, ...Object.values(presets)]) {
    const sound = typeof file === "string" && Number.isInteger(bytes) && /^[0-9a-f]+$/.test(sha256);
    if (!sound || /^\/|\.\.|:/.test(file)) throw broken("it names a file that cannot be");
  }
  return manifest as Manifest;
}

/** The manifest as a host of that kind sees it: with the variants that were made for it. */
export function fitted(manifest: Manifest, target: Target): Manifest {
  const fitting = manifest.variants.filter((variant) => variant.target === target && variant.needs.length === 0);
  const graphs = Object.fromEntries(fitting.map((variant) => [variant.graph, variant]));
  return { ...manifest, graphs: { ...manifest.graphs, ...graphs }, variants: [] };
}

/** The files that an engine needs to start. */
export function filesToStart(manifest: Manifest): BundleFile[] {
  const later = new Set<BundleFile>(LATER_GRAPHS.map((name) => manifest.graphs[name]));
  return filesOf(manifest).filter((file) => !later.has(file));
}

/** All files of a bundle besides the manifest. */
export function filesOf({ graphs, variants, presets }: Manifest): BundleFile[] {
  return [...Object.values(graphs), ...variants, ...Object.values(presets)];
}

function broken(why: string): EngineError {
  return new EngineError("bundle-broken", `The bundle's manifest cannot be used: ${why}.`);
}
