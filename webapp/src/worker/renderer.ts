/** Who renders: this worker, on the GPU or on one thread, or several workers at once (see crew.ts). */

import { EngineError } from "../engine/types";
import { dispose, type Graphs, type Tensors } from "./graphs";

/** Inputs of the graph `render`, by name. */
export type Values = Readonly<Record<string, { readonly data: Float32Array; readonly dims: readonly number[] }>>;

/** R, G, B, A, row by row, of a square. */
export type RenderedSquare = Uint8ClampedArray<ArrayBuffer>;

export interface Rendering {
  readonly square: RenderedSquare;
  /** How long it took, without waiting for its turn. */
  readonly milliseconds: number;
}

export interface Renderer {
  /** How many frames are worth being worked on at once. */
  readonly lanes: number;
  /** Keeps what `render` is to be fed for a portrait; of what it kept already, what has the same names is replaced. */
  hold(portrait: number, values: Values): Promise<void>;
  /** The portrait as it is held now, with the landmarks at `target`. Throws EngineError `engine-failed`. */
  render(portrait: number, target: Float32Array): Promise<Rendering>;
  forget(portrait: number): void;
}

/** Renders with this worker's own graphs: a frame must be there before `hold` or `forget` may follow. */
export class OwnRenderer implements Renderer {
  readonly lanes = 1;
  readonly #held = new Map<number, Tensors>();

  constructor(private readonly graphs: Graphs) {}

  async hold(portrait: number, values: Values): Promise<void> {
    const { graphs } = this;
    const made = Object.entries(values).map(([name, { data, dims }]) => [name, graphs.float32(data, dims)] as const);
    const fresh = graphs.onGpu("render") ? await graphs.toGpu(Object.fromEntries(made)) : Object.fromEntries(made);
    const held = this.#held.get(portrait) ?? {};
    for (const name of Object.keys(fresh)) held[name]?.dispose();
    this.#held.set(portrait, { ...held, ...fresh });
  }

  async render(portrait: number, target: Float32Array): Promise<Rendering> {
    const { graphs } = this;
    const begun = performance.now();
    const feeds = { ...this.#held.get(portrait), target: graphs.input("render", "target", target) };
    const outputs = await graphs.run("render", feeds);
    const frame = outputs["frame"];
    if (!frame) throw new EngineError("bundle-broken", "The bundle's graph render gives no frame.");
    // Whatever the element type, the frame's bytes are R, G, B, A.
    const { buffer, byteOffset, byteLength } = (await frame.getData()) as Uint8Array<ArrayBuffer>;
    const square = new Uint8ClampedArray(buffer, byteOffset, byteLength);
    dispose(outputs);
    return { square, milliseconds: performance.now() - begun };
  }

  forget(portrait: number): void {
    dispose(this.#held.get(portrait) ?? {});
    this.#held.delete(portrait);
  }
}
