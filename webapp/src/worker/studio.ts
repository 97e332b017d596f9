/** What the worker knows of the visitor's work: the photo, its faces, the motion; draws frames of them. */

import { EngineError, type FoundFace, type Gains, type Motion, type OpenedPhoto, type View } from "../engine/types";
import { type Rendered, ScreenCanvas } from "./canvas";
import { type Face, findFaces, fitFaces } from "./faces";
import { LiveDriver } from "./follower";
import { Pacing, sizeLadder } from "./pacing";
import { decodePhoto, type Picture } from "./picture";
import { Portrait } from "./portrait";
import { References } from "./references";
import type { Loaded } from "./start";
import { Stopwatch } from "./stopwatch";
import type { MotionFrame, MotionTrack } from "./tracks";

/** A frame whose squares are being rendered. */
export interface Begun {
  readonly squares: readonly Promise<Rendered>[];
}

export class Studio {
  readonly watch = new Stopwatch();
  portraits: readonly Portrait[] = [];
  photo: Picture | null = null;
  track: MotionTrack | null = null;
  driver: LiveDriver | null = null;
  gains: Float32Array;
  /** More photos of the person; null unless one face alone is animated. */
  references: References | null = null;
  #faces: readonly Face[] = [];
  #photos = 0;
  #screen: ScreenCanvas | null = null;
  #view: View | null = null;
  #size: number | "auto" = "auto";
  #pacing = new Pacing([0]);

  constructor(readonly loaded: Loaded) {
    this.gains = new Float32Array(loaded.graphs.manifest.host.gains.length).fill(1);
  }

  async openPhoto(file: Blob): Promise<OpenedPhoto> {
    const { graphs } = this.loaded;
    const { host, thresholds } = graphs.manifest;
    const photo = await this.watch.time("decode", () => decodePhoto(file, host.photo));
    const found = await this.watch.time("find", () => findFaces(graphs, photo));
    const faces = fitFaces(found, thresholds, host);
    this.#forgetPortraits();
    this.photo = photo;
    this.#faces = faces;
    return {
      id: ++this.#photos,
      width: photo.width,
      height: photo.height,
      faces: faces.map(({ box }, id): FoundFace => ({ id, box })),
    };
  }

  async chooseFaces(ids: readonly number[]): Promise<void> {
    const { photo, watch } = this;
    const faces = ids.map((id) => this.#faces[id]).filter((face) => face !== undefined);
    if (!photo || !faces.length) throw new EngineError("no-face", "None of the photo's faces was chosen.");
    this.#forgetPortraits();
    const { graphs, renderer } = this.loaded;
    const portraits: Portrait[] = [];
    for (const face of faces) portraits.push(await Portrait.of(graphs, renderer, photo, face, watch));
    this.portraits = portraits;
    const [only, second] = portraits;
    if (only && !second) this.references = new References(graphs, only);
    this.#screen = new ScreenCanvas(photo);
    if (this.#view) this.#screen.view = this.#view;
    await this.setSize(this.#size);
  }

  setMotion(motion: Motion): void {
    const track = motion.kind === "preset" ? this.loaded.tracks.get(motion.name) : null;
    if (track === undefined) throw new EngineError("bundle-broken", "The bundle has no motion of this name.");
    this.track = track;
    this.driver = motion.kind === "driver" ? new LiveDriver(this.loaded.graphs) : null;
  }

  setGains(gains: Gains): void {
    this.gains = Float32Array.from(this.loaded.graphs.manifest.host.gains, (name) => gains[name as keyof Gains] ?? 1);
  }

  set view(view: View) {
    this.#view = view;
    if (this.#screen) this.#screen.view = view;
  }

  async setSize(size: number | "auto"): Promise<void> {
    this.#size = size;
    const most = Math.max(0, ...this.portraits.map((portrait) => portrait.fullSize));
    const least = this.loaded.graphs.manifest.graphs.encode.inputs.find(({ name }) => name === "size")?.range[0] ?? 0;
    this.#pacing = new Pacing(size === "auto" ? sizeLadder(least, most) : [Math.min(size, most)]);
    await this.resize();
  }

  /** Pixels on a side of the square that is rendered now. */
  get size(): number {
    return this.#pacing.size;
  }

  /** Makes all portraits as large as they are to be now. */
  async resize(): Promise<void> {
    for (const portrait of this.portraits) await portrait.resize(Math.min(this.size, portrait.fullSize));
  }

  /** As large as `vivant animate` renders them, or as the visitor chose. */
  async resizeForFile(): Promise<void> {
    const most = this.#size === "auto" ? Infinity : this.#size;
    for (const portrait of this.portraits) await portrait.resize(Math.min(most, portrait.fullSize));
  }

  /** How many frames are worth being begun before the first of them is finished. */
  get lanes(): number {
    return this.loaded.renderer.lanes;
  }

  /**
   * Begins a frame: from here on, what is changed concerns later frames alone. It must not be begun while something
   * is changed.
   */
  async begin(motion: MotionFrame): Promise<Begun> {
    const squares: Promise<Rendered>[] = [];
    for (const portrait of this.portraits) {
      const target = await portrait.target(motion, this.gains);
      const square = portrait.render(target).then((frame) => ({ portrait, frame }));
      square.catch(() => undefined); // told to whom it is finished for
      if (this.lanes === 1) await square;
      squares.push(square);
    }
    return { squares };
  }

  /** A frame for the screen; null if it is of a photo or of faces that were left since. */
  async finish({ squares }: Begun): Promise<ImageBitmap | null> {
    const rendered = await Promise.all(squares);
    const screen = this.#screen;
    const left = rendered.some(({ portrait }) => !this.portraits.includes(portrait));
    return screen && !left ? this.watch.time("screen", () => screen.draw(rendered)) : null;
  }

  /** Takes what a frame cost and adapts the size. */
  async pace(milliseconds: number): Promise<void> {
    if (this.#pacing.took(milliseconds, performance.now())) await this.resize();
  }

  #forgetPortraits(): void {
    for (const portrait of this.portraits) portrait.dispose();
    this.portraits = [];
    this.references = null;
    this.#screen = null;
  }
}
