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

/** Begins the names of what `refer` gives: its inputs, of one photo more. */
const ALL = "all_";

let portraits = 0;

export class Portrait {
  readonly #id = ++portraits;
  /** Of what its own photo tells, that to which `refer` adds other photos: the same at every size. */
  #own: Values | null = null;
  /** The same of all photos that lend, its own among them; null without others. */
  #all: Values | null = null;
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
    const encoded = valuesOf(outputs);
    this.#own = only(encoded, graphs.inputs("refer"));
    await this.renderer.hold(this.#id, { ...only(encoded, graphs.inputs("render")), ...this.#all });
    this.#size = size;
  }

  /** What is known of the person's photos (null: of its own alone), with one photo more. Changes nothing. */
  async refer(known: Values | null, photo: Picture, landmarks: Float32Array): Promise<Values> {
    const { graphs } = this;
    const before = known ?? this.#own;
    if (!before) throw new EngineError("engine-failed", "The portrait has no size yet.");
    const tensors = Object.entries(before).map(([name, { data, dims }]) => [name, graphs.float32(data, dims)]);
    const feeds = {
      ...(Object.fromEntries(tensors) as Tensors),
      image: graphs.uint8(photo.pixels, [photo.height, photo.width, photo.channels]),
      landmarks: graphs.input("refer", "landmarks", landmarks),
    };
    const outputs = await this.watch.time("refer", () => graphs.run("refer", feeds));
    const given = Object.entries(valuesOf(outputs)).filter(([name]) => name.startsWith(ALL));
    return Object.fromEntries(given.map(([name, value]) => [name.slice(ALL.length), value]));
  }

  /** Takes mouth and eyes from all the photos that `refer` was told of, at every size; null: from its own alone. */
  async lend(all: Values | null): Promise<void> {
    this.#all = all;
    const lent = all ?? this.#own;
    if (this.#size > 0 && lent) await this.renderer.hold(this.#id, lent); // without a size, `resize` will heed it
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

/** A graph's outputs, which are this host's own from then on. */
function valuesOf(outputs: Tensors): Values {
  return Object.fromEntries(
    Object.entries(outputs).map(([name, { data, dims }]) => [name, { data: data as Float32Array, dims }]),
  );
}

function only(values: Values, names: readonly string[]): Values {
  return Object.fromEntries(Object.entries(values).filter(([name]) => names.includes(name)));
}
