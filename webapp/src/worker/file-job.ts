/** Renders every frame of a motion, in order and at full quality, for a file. */

import { EngineError } from "../engine/types";
import { FileCanvas } from "./canvas";
import { Performance } from "./follower";
import type { Picture } from "./picture";
import type { RenderedFrame } from "./protocol";
import type { Studio } from "./studio";
import type { MotionFrame } from "./tracks";

/** A frame that is being rendered; frames are to be finished one after the other. */
export interface FrameBegun {
  finish(): Promise<RenderedFrame>;
}

export class FileJob {
  readonly #canvas: FileCanvas;
  readonly #performance: Performance | null;
  #motions: readonly MotionFrame[] | null = null;
  #times: readonly number[] = [];

  constructor(
    private readonly studio: Studio,
    private readonly loops: number,
    private readonly seamless: boolean,
  ) {
    if (!studio.photo || !studio.portraits.length) throw new EngineError("no-face", "No face was chosen.");
    this.#canvas = new FileCanvas(studio.photo);
    this.#performance = studio.track ? null : new Performance(studio.loaded.graphs);
  }

  /** The driver's next frame; whether it shows a face. */
  async follow(picture: Picture, seconds: number): Promise<boolean> {
    return (await this.#performance?.add(picture, seconds)) ?? false;
  }

  /** Begins the frame of this number; null after the last. Throws EngineError `video-without-face`. */
  async begin(index: number): Promise<FrameBegun | null> {
    const { track } = this.studio;
    if (this.#performance && !this.#motions) {
      if (!this.#performance.length) throw new EngineError("video-without-face", "The video shows no face.");
      this.#motions = await this.#performance.motions(this.seamless);
      this.#times = this.#performance.times().slice(0, this.#motions.length);
    }
    const once = this.#motions?.length ?? track?.length ?? 0;
    const total = once * this.loops;
    const motion = this.#motions?.[index % once] ?? track?.frame(index % once);
    if (index >= total || !motion) return null;
    const { squares } = await this.studio.begin(motion);
    const when = this.#when(index, once);
    return { finish: async () => ({ bitmap: await this.#canvas.draw(await Promise.all(squares)), ...when, total }) };
  }

  #when(index: number, once: number): { time: number; duration: number } {
    const { track } = this.studio;
    if (track) return { time: index / track.fps, duration: 1 / track.fps };
    const last = (this.#times.at(-1) ?? 0) / Math.max(1, once - 1); // a video does not say how long its end is shown
    const [loop, i] = [Math.floor(index / once), index % once];
    const start = this.#times[i] ?? 0;
    const end = this.#times[i + 1] ?? start + last;
    return { time: loop * ((this.#times.at(-1) ?? 0) + last) + start, duration: end - start };
  }
}
