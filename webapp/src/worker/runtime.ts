/** ONNX Runtime Web: which of its builds to load, and how. */

import type * as Ort from "onnxruntime-web";
import type { Backend } from "../engine/types";

export type OrtModule = typeof Ort;

const MAX_THREADS = 3; // every further one takes memory for a smaller gain

export interface Capabilities {
  readonly webgpu: boolean;
  /** The adapter is a real GPU, worth trying unasked. */
  readonly fastGpu: boolean;
  /** How many workers may render at once. */
  readonly threads: number;
}

/** What this browser offers to a worker. */
export async function capabilities(): Promise<Capabilities> {
  const threads = Math.min(MAX_THREADS, navigator.hardwareConcurrency || 1);
  let adapter: GPUAdapter | null | undefined;
  try {
    adapter = await navigator.gpu?.requestAdapter();
  } catch {
    adapter = null; // some browsers throw where they should answer null
  }
  const software = adapter?.info.isFallbackAdapter || /swiftshader|llvmpipe/i.test(`${adapter?.info.architecture}`);
  return { webgpu: Boolean(adapter), fastGpu: Boolean(adapter) && !software, threads };
}

/** The backends to try, best first; `wanted` overrides. */
export function candidates(can: Capabilities, wanted: Backend | undefined): Backend[] {
  const wasm: Backend = can.threads > 1 ? "wasm-threads" : "wasm";
  if (wanted === "webgpu" && can.webgpu) return ["webgpu"];
  if (wanted === "wasm") return ["wasm"];
  if (wanted === "wasm-threads") return [wasm];
  return can.fastGpu ? ["webgpu", wasm] : [wasm];
}

/**
 * Loads one build of ONNX Runtime and sets it up, for one thread: frames are shared among workers instead, see crew.ts.
 *
 * The build without WebGPU is the smallest and the fastest on the CPU. Of the two with WebGPU, the one that suspends
 * WebAssembly by JSPI is smaller and faster; browsers without JSPI get the one that was transformed by Asyncify.
 */
export async function loadRuntime(folder: string, gpu: boolean): Promise<OrtModule> {
  const jspi = "Suspending" in WebAssembly;
  const flavour = gpu ? (jspi ? ".jspi" : ".asyncify") : "";
  const ort = (await (gpu
    ? jspi
      ? import("onnxruntime-web/jspi")
      : import("onnxruntime-web/webgpu")
    : import("onnxruntime-web/wasm"))) as unknown as OrtModule;
  const file = (extension: string) => new URL(`ort-wasm-simd-threaded${flavour}.${extension}`, folder).href;
  ort.env.wasm.wasmPaths = { mjs: file("mjs"), wasm: file("wasm") };
  ort.env.wasm.numThreads = 1;
  ort.env.logLevel = "error";
  return ort;
}
