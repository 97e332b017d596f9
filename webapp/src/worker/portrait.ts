/** One face of a photo, made ready once, then drawn with any expression and pose. Mirrors runtime/portrait.py. */

import { EngineError } from "../engine/types";
import type { Face } from "./faces";
import { dispose, type Graphs, numbers, type Tensors } from "./graphs";
import { type Picture, RGBA } from "./picture";
import type { RenderedSquare, Renderer, Values } from "./renderer";
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
const KEPT: ReadonlySet<string> = new Set([...MAIN, ...LENT]);

/** What a photo tells of the inside of the mouth. */
export interface Reference {
  readonly values: Readonly<Record<(typeof LENT)[number], Float32Array>>;
  /** The greater, the more of it can be seen. */
  readonly suitability: number;
}

let portraits = 0;

export class Portrait {
  readonly #id = ++portraits;
  /** Some of what its own photo tells, the same for every size. */
  #own: Values = {};
  #borrowed: Reference | null = null;
  #size = 0;

  private constructor(
    private readonly graphs: Graphs,
    private readonly renderer: Renderer,
    private readonly photo: Picture,
    private readonly face: Face,
    private readonly region: Float32Array,
    private readonly matte: Float32Array,
    private readonly watch: Stopwatch,
    readonly square: Square,
  ) {}

  /** Prepares a face; `resize` must follow before anything is drawn. */
  static async of(graphs: Graphs, renderer: Renderer, photo: Picture, face: Face, watch: Stopwatch): Promise<Portrait> {
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
    return new Portrait(graphs, renderer, photo, face, region, share, watch, square);
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
    const told = Object.entries(outputs).map(([name, { data, dims }]) => [name, { data: data as Float32Array, dims }] as const);
    const wanted = graphs.inputs("render");
    const encoded: Values = Object.fromEntries(told.filter(([name]) => wanted.includes(name)));
    this.#own = Object.fromEntries(told.filter(([name]) => KEPT.has(name)));
    await this.renderer.hold(this.#id, { ...encoded, ...(this.#borrowed && this.#lent(this.#borrowed.values)) });
    this.#size = size;
  }

  /** What another photo of the same person tells of the inside of the mouth; `resize` must have been called. */
  async refer(photo: Picture, face: Face): Promise<Reference> {
    const { graphs } = this;
    const main = MAIN.map((name) => [name, graphs.input("refer", name, this.#value(name).data)]);
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
    await this.renderer.hold(this.#id, reference ? this.#lent(reference.values) : own);
  }

  #lent(values: Reference["values"]): Values {
    return Object.fromEntries(LENT.map((name) => [name, { data: values[name], dims: this.#value(name).dims }]));
  }

  #value(name: string): Values[string] {
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

  /** The square with the landmarks at `target`, `size` pixels on a side. */
  async render(target: Float32Array): Promise<RenderedSquare> {
    const { square, milliseconds } = await this.renderer.render(this.#id, target);
    this.watch.add("render", milliseconds);
    return square;
  }

  /** Lays a rendered frame over what is in the square of a photo: RGB, `side` pixels on a side. */
  async paste(frame: RenderedSquare, backdrop: Uint8Array, channels: number): Promise<Uint8Array> {
    const { graphs } = this;
    const side = this.square.side;
    const size = sideOf(frame);
    const feeds = {
      frame: graphs.uint8(new Uint8Array(frame.buffer, frame.byteOffset, frame.length), [size, size, RGBA]),
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
    this.renderer.forget(this.#id);
    this.#size = 0;
  }
}

/** Pixels on a side of a rendered square: one that is on its way may have another size than its portrait by now. */
export function sideOf(frame: RenderedSquare): number {
  return Math.round(Math.sqrt(frame.length / RGBA));
}
