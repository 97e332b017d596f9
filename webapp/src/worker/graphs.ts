/** The graphs of a bundle as sessions: named tensors in, named tensors out. Mirrors runtime/session.py. */

import type { InferenceSession, Tensor } from "onnxruntime-web";
import { EngineError } from "../engine/types";
import type { BundleFile, GraphName, Manifest } from "./manifest";
import type { OrtModule } from "./runtime";

export type Tensors = Record<string, Tensor>;

export interface GraphsOptions {
  readonly ort: OrtModule;
  readonly manifest: Manifest;
  readonly files: ReadonlyMap<string, ArrayBuffer>;
  /** Fetches a file that is not among these. */
  readonly fetchFile?: (file: BundleFile) => Promise<ArrayBuffer | undefined>;
  /** Graphs that run on the GPU; all others run in WebAssembly. */
  readonly onGpu: ReadonlySet<GraphName>;
  readonly session?: InferenceSession.SessionOptions;
}

/** Runs graphs one after the other: ONNX Runtime Web allows one run at a time. */
export class Graphs {
  readonly ort: OrtModule;
  readonly manifest: Manifest;
  readonly #options: GraphsOptions;
  readonly #sessions = new Map<GraphName, Promise<InferenceSession>>();
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: GraphsOptions) {
    this.ort = options.ort;
    this.manifest = options.manifest;
    this.#options = options;
  }

  onGpu(name: GraphName): boolean {
    return this.#options.onGpu.has(name);
  }

  inputs(name: GraphName): readonly string[] {
    return this.manifest.graphs[name].inputs.map((input) => input.name);
  }

  /** Makes the sessions now instead of when they are first needed. */
  async prepare(names: readonly GraphName[]): Promise<void> {
    for (const name of names) await this.#session(name);
  }

  /**
   * The outputs of a graph by name; the caller disposes of them.
   * Of `feeds`, only what the graph takes is handed to it. Throws EngineError `engine-failed`.
   */
  async run(name: GraphName, feeds: Tensors): Promise<Tensors> {
    const session = await this.#session(name);
    const wanted: Tensors = {};
    for (const input of session.inputNames) {
      const tensor = feeds[input];
      if (!tensor) throw new EngineError("bundle-broken", `The graph ${name} wants ${input}, which nothing gives.`);
      wanted[input] = tensor;
    }
    const outcome = this.#last.then(() => session.run(wanted));
    this.#last = outcome.catch(() => undefined);
    try {
      return (await outcome) as Tensors;
    } catch (error) {
      throw new EngineError("engine-failed", `The graph ${name} failed: ${firstLine(error)}`);
    }
  }

  /** Numbers as the input of that name, in the shape that the manifest gives it. */
  input(name: GraphName, input: string, data: Float32Array): Tensor {
    const shape = this.manifest.graphs[name].inputs.find((info) => info.name === input)?.shape ?? [];
    return new this.ort.Tensor("float32", data, shape.map(Number));
  }

  float32(data: Float32Array, dims: readonly number[]): Tensor {
    return new this.ort.Tensor("float32", data, dims);
  }

  int64(value: number): Tensor {
    return new this.ort.Tensor("int64", BigInt64Array.of(BigInt(value)), []);
  }

  uint8(data: Uint8Array, dims: readonly number[]): Tensor {
    return new this.ort.Tensor("uint8", data, dims);
  }

  /** Copies tensors to the GPU, where they stay until disposed of; needs a session there. Disposes of the originals. */
  async toGpu(tensors: Tensors): Promise<Tensors> {
    const device = (await this.ort.env.webgpu.device) as GPUDevice;
    return Object.fromEntries(Object.entries(tensors).map(([name, tensor]) => [name, this.#upload(device, tensor)]));
  }

  #upload(device: GPUDevice, tensor: Tensor): Tensor {
    if (tensor.location !== "cpu" || tensor.type !== "float32") return tensor;
    const data = tensor.data as Float32Array<ArrayBuffer>;
    const buffer = device.createBuffer({
      size: Math.ceil(data.byteLength / 16) * 16,
      usage: GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_SRC | GPUBufferUsage.COPY_DST,
    });
    device.queue.writeBuffer(buffer, 0, data);
    const dispose = () => buffer.destroy();
    const uploaded = this.ort.Tensor.fromGpuBuffer(buffer, { dataType: "float32", dims: tensor.dims, dispose });
    tensor.dispose();
    return uploaded;
  }

  /** Frees a graph's session, which is made anew when it is needed again. */
  async release(name: GraphName): Promise<void> {
    await this.#last;
    const session = this.#sessions.get(name);
    this.#sessions.delete(name);
    await session?.then((made) => made.release());
  }

  async dispose(): Promise<void> {
    await this.#last;
    for (const session of this.#sessions.values()) await session.then((made) => made.release()).catch(() => undefined);
    this.#sessions.clear();
  }

  #session(name: GraphName): Promise<InferenceSession> {
    let session = this.#sessions.get(name);
    if (!session) {
      // Sessions are made one at a time, and never while a graph runs.
      session = this.#last.then(() => this.#create(name));
      this.#last = session.catch(() => undefined);
      this.#sessions.set(name, session);
    }
    return session;
  }

  async #create(name: GraphName): Promise<InferenceSession> {
    const entry = this.manifest.graphs[name];
    const content = this.#options.files.get(entry.file) ?? (await this.#options.fetchFile?.(entry));
    if (!content) throw new EngineError("bundle-broken", `The file of the graph ${name} was not loaded.`);
    try {
      return await this.ort.InferenceSession.create(content, {
        executionProviders: [this.onGpu(name) ? "webgpu" : "wasm"],
        logSeverityLevel: 3,
        ...this.#options.session,
      });
    } catch (error) {
      throw new EngineError("engine-failed", `ONNX Runtime cannot load the graph ${name}: ${firstLine(error)}`);
    }
  }
}

/** Disposes of all tensors of a graph's outputs. */
export function dispose(tensors: Tensors): void {
  for (const tensor of Object.values(tensors)) tensor.dispose();
}

/** A float32 output's numbers as an array of their own. */
export function numbers(tensors: Tensors, name: string): Float32Array {
  const tensor = tensors[name];
  if (!tensor) throw new EngineError("bundle-broken", `A graph gives no ${name}.`);
  return tensor.data as Float32Array;
}

function firstLine(error: unknown): string {
  return (error instanceof Error ? error.message : String(error)).split("\n")[0] ?? "";
}
