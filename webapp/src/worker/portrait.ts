/** One face of a photo, made ready once, then drawn with any expression and pose. Mirrors runtime/portrait.py. */

import { EngineError } from "../engine/types";
import type { Face } from "./faces";
import { dispose, type Graphs, numbers, type Tensors } from "./graphs";
import type { Picture } from "./picture";
import type { Stopwatch } from "./stopwatch";
import type { MotionFrame } from "./tracks";

/** The square that is animated, in pixels of the photo; it may reach beyond the photo. */
export interface Square {
  readonly left: number;
  readonly top: number;
  readonly side: number;
}

/** What `refer` takes of the main photo. */
const MAIN = ["mouth", "points"] as const;
/** What `render` takes from the main photo, or in its place from another one that shows more of the mouth's inside. */
const LENT = ["reference_mouth", "reference_lips"] as const;

/** What a photo tells of the inside of the mouth. */
export interface Reference {
  readonly values: Readonly<Record<(typeof LENT)[number], Float32Array>>;
  /** The greater, the more of it can be seen. */
  readonly suitability: number;
}

export class Portrait {
  #encoded: Tensors = {};
  /** Of these tensors the numbers, wherever the tensors are: they are the same for every size. */
  #own: Readonly<Record<string, Float32Array>> = {};
  #borrowed: Reference | null = null;
  #size = 0;

  private constructor(
    private readonly graphs: Graphs,
    private readonly photo: Picture,
    private readonly face: Face,
    private readonly region: Float32Array,
    private readonly matte: Float32Array,
    private readonly watch: Stopwatch,
    readonly square: Square,
  ) {}

  /** Prepares a face; `resize` must follow before anything is drawn. */
  static async of(graphs: Graphs, photo: Picture, face: Face, watch: Stopwatch): Promise<Portrait> {
    const landmarks = graphs.input("head", "landmarks", face.landmarks);
    const head = await watch.time("head", () => graphs.run("head", { landmarks }));
    const region = numbers(head, "region").slice();
    dispose(head);
    const [x = 0, y = 0, side = 0] = region;
    if (!(side >= 1)) throw new EngineError("bundle-broken", "The bundle's graph head returned an empty region.");
    const square = { left: Math.round(x - side / 2), top: Math.round(y - side / 2), side: Math.round(side) };
    const image = graphs.uint8(photo.pixels, [photo.height, photo.width, photo.channels]);
    const feeds = { image, region: graphs.input("matte", "region", region) };
    const matte = await watch.time("matte", () => graphs.run("matte", feeds));
    const share = numbers(matte, "matte").slice();
    dispose(matte);
    return new Portrait(graphs, photo, face, region, share, watch, square);
  }

  /** Pixels on a side of the rendered square. */
  get size(): number {
    return this.#size;
  }

  /** The square's own size in the photo, up to what the graphs were made for: pixels that rest are then copied. */
  get fullSize(): number {
    return Math.min(this.graphs.manifest.host.max_size, this.square.side);
  }

  async resize(size: number): Promise<void> {
    if (size === this.#size) return;
    const { graphs, photo } = this;
    const feeds = {
      image: graphs.uint8(photo.pixels, [photo.height, photo.width, photo.channels]),
      landmarks: graphs.input("encode", "landmarks", this.face.landmarks),
      region: graphs.input("encode", "region", this.region),
      matte: graphs.input("encode", "matte", this.matte),
      size: graphs.int64(size),
    };
    const outputs = await this.watch.time("encode", () => graphs.run("encode", feeds));
    const wanted = graphs.inputs("render").filter((name) => name in outputs);
    const encoded = Object.fromEntries(wanted.map((name) => [name, outputs[name]])) as Tensors;
    this.#own = Object.fromEntries([...MAIN, ...LENT].map((name) => [name, numbers(outputs, name).slice()]));
    this.dispose();
    this.#encoded = await this.#placed({ ...encoded, ...(this.#borrowed && this.#tensors(this.#borrowed.values)) });
    this.#size = size;
  }

  /** What another photo of the same person tells of the inside of the mouth; `resize` must have been called. */
  async refer(photo: Picture, face: Face): Promise<Reference> {
    const { graphs } = this;
    const main = MAIN.map((name) => [name, graphs.input("refer", name, this.#value(name))]);
    const feeds = {
      image: graphs.uint8(photo.pixels, [photo.height, photo.width, photo.channels]),
      landmarks: graphs.input("refer", "landmarks", face.landmarks),
      ...(Object.fromEntries(main) as Tensors),
    };
    const outputs = await this.watch.time("refer", () => graphs.run("refer", feeds));
    const [mouth, lips] = LENT.map((name) => numbers(outputs, name).slice()) as [Float32Array, Float32Array];
    const suitability = numbers(outputs, "suitability")[0] ?? 0;
    dispose(outputs);
    return { values: { reference_mouth: mouth, reference_lips: lips }, suitability };
  }

  /** What its own photo tells. */
  ownReference(): Promise<Reference> {
    return this.refer(this.photo, this.face);
  }

  /** Shows the inside of the mouth as another photo has it, at every size; null: as its own photo has it. */
  async borrow(reference: Reference | null): Promise<void> {
    if (reference === this.#borrowed) return;
    this.#borrowed = reference;
    if (this.#size === 0) return; // `resize` will heed it
    const own = { reference_mouth: this.#value("reference_mouth"), reference_lips: this.#value("reference_lips") };
    const fresh = await this.#placed(this.#tensors(reference?.values ?? own));
    for (const name of LENT) this.#encoded[name]?.dispose();
    this.#encoded = { ...this.#encoded, ...fresh };
  }

  #tensors(values: Reference["values"]): Tensors {
    return Object.fromEntries(LENT.map((name) => [name, this.graphs.input("render", name, values[name])]));
  }

  /** The tensors where `render` runs. */
  async #placed(tensors: Tensors): Promise<Tensors> {
    return this.graphs.onGpu("render") ? this.graphs.toGpu(tensors) : tensors;
  }

  #value(name: string): Float32Array {
    const value = this.#own[name];
    if (!value) throw new EngineError("engine-failed", "The portrait has no size yet.");
    return value;
  }

  /** The photo's own landmarks after a relative motion. */
  async target(motion: MotionFrame, gains: Float32Array): Promise<Float32Array> {
    const { graphs } = this;
    const values = { ...motion, source: this.face.landmarks, gains };
    const feeds = Object.fromEntries(
      Object.entries(values).map(([name, data]) => [name, graphs.input("retarget", name, data)]),
    );
    const outputs = await this.watch.time("retarget", () => graphs.run("retarget", feeds));
    const target = numbers(outputs, "target").slice();
    dispose(outputs);
    return target;
  }

  /** The square with the landmarks at `target`: RGBA, `size` pixels on a side. */
  async render(target: Float32Array): Promise<Uint8ClampedArray<ArrayBuffer>> {
    const feeds = { ...this.#encoded, target: this.graphs.input("render", "target", target) };
    const outputs = await this.watch.time("render", () => this.graphs.run("render", feeds));
    const frame = outputs["frame"];
    if (!frame) throw new EngineError("bundle-broken", "The bundle's graph render gives no frame.");
    // Whatever the element type, the frame's bytes are R, G, B, A.
    const { buffer, byteOffset, byteLength } = (await frame.getData()) as Uint8Array<ArrayBuffer>;
    const bytes = new Uint8ClampedArray(buffer, byteOffset, byteLength);
    dispose(outputs);
    return bytes;
  }

  /** Lays a rendered frame over what is in the square of a photo: RGB, `side` pixels on a side. */
  async paste(frame: Uint8ClampedArray, backdrop: Uint8Array, channels: number): Promise<Uint8Array> {
    const { graphs } = this;
    const side = this.square.side;
    const rgba = frame.length / (this.#size * this.#size);
    const feeds = {
      frame: graphs.uint8(new Uint8Array(frame.buffer, frame.byteOffset, frame.length), [this.#size, this.#size, rgba]),
      backdrop: graphs.uint8(backdrop, [side, side, channels]),
    };
    const outputs = await this.watch.time("paste", () => graphs.run("paste", feeds));
    const picture = outputs["picture"];
    if (!picture) throw new EngineError("bundle-broken", "The bundle's graph paste gives no picture.");
    const pixels = picture.data as Uint8Array;
    dispose(outputs);
    return pixels;
  }

  dispose(): void {
    dispose(this.#encoded);
    this.#encoded = {};
    this.#size = 0;
  }
}
