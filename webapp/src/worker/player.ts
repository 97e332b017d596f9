/** Plays a motion: draws its frames when they are due, as many at once as the renderer can, and drops those that are late. */

import type { Frame, Statistics } from "../engine/types";
import { Queue } from "./queue";
import type { Begun, Studio } from "./studio";
import type { MotionFrame } from "./tracks";

const UNTAKEN = 2; // frames that the page may have before it
const SPARE = 1; // frame of a motion that may wait for one of several workers, so that one that is late costs no frame
const REPORT_MS = 1000;

export interface PlayerEvents {
  readonly onFrame: (frame: Frame) => void;
  readonly onStatistics: (statistics: Statistics) => void;
  readonly onError: (error: unknown) => void;
}

/** A frame in work. */
export interface Drawing {
  readonly frame: Begun;
  /** Seconds of the motion. */
  readonly time: number;
  /** When its making began, milliseconds. */
  readonly begun: number;
}

export class Player {
  #playing = false;
  #running = false;
  /** Milliseconds of the motion that had passed when the clock was last set, and when that was. */
  #elapsed = 0;
  #since = 0;
  #shown = -1;
  #untaken = 0;
  /** Frames that were begun and are not finished. */
  #inWork = 0;
  readonly #finishing = new Queue();
  readonly #awaitingRoom: (() => void)[] = [];
  #wake: (() => void) | null = null;
  #frames = 0;
  #dropped = 0;
  #reported = performance.now();

  constructor(
    private readonly studio: Studio,
    /** Runs work when nothing else uses the graphs. */
    private readonly exclusive: <T>(work: () => Promise<T>) => Promise<T>,
    private readonly events: PlayerEvents,
  ) {}

  get playing(): boolean {
    return this.#playing;
  }

  set playing(playing: boolean) {
    if (playing === this.#playing) return;
    this.#playing = playing;
    if (playing) this.#since = performance.now();
    else this.#elapsed += performance.now() - this.#since;
    this.#wake?.();
    this.start();
  }

  /** The motion begins anew. */
  rewind(): void {
    this.#elapsed = 0;
    this.#since = performance.now();
    this.#shown = -1;
    this.#wake?.();
    this.start();
  }

  /** The page took a frame. */
  taken(): void {
    this.#untaken = Math.max(0, this.#untaken - 1);
    this.#wake?.();
  }

  /** A frame was dropped before it came here. */
  dropped(): void {
    this.#dropped += 1;
  }

  /** Draws the motion's present frame again, for instance with other gains. */
  async refresh(): Promise<void> {
    const { track, portraits } = this.studio;
    if (this.#playing || !track || !portraits.length) return;
    const index = Math.max(0, this.#shown);
    await this.finish(await this.begin(track.frame(index), index / track.fps));
  }

  /** Begins to draw a moment of a motion; `finish` is to follow at once, though nobody needs to wait for it. */
  async begin(motion: MotionFrame, time: number, begun = performance.now()): Promise<Drawing> {
    this.#inWork += 1;
    try {
      return { frame: await this.exclusive(() => this.studio.begin(motion)), time, begun };
    } catch (error) {
      this.#inWork -= 1;
      throw error;
    }
  }

  /** Hands what was begun to the page, frame after frame. */
  finish({ frame, time, begun }: Drawing): Promise<void> {
    return this.#finishing.run(async () => {
      try {
        const bitmap = await this.studio.finish(frame);
        if (!bitmap) return;
        const renderMs = performance.now() - begun;
        this.#untaken += 1;
        this.#frames += 1;
        this.events.onFrame({ bitmap, time, renderMs });
        await this.exclusive(() => this.studio.pace(renderMs / this.studio.lanes));
        this.#report();
      } finally {
        this.#inWork -= 1;
        this.#wake?.();
        for (const go of this.#awaitingRoom.splice(0)) go();
      }
    });
  }

  /** Once a frame that is begun would be worked on at once. */
  async room(): Promise<void> {
    while (this.#inWork >= this.studio.lanes) await new Promise<void>((go) => this.#awaitingRoom.push(go));
  }

  /** Frames of a motion that may be in work at once. */
  get #most(): number {
    const { lanes } = this.studio;
    return lanes > 1 ? lanes + SPARE : 1;
  }

  /** Whether another frame would have to wait. */
  get crowded(): boolean {
    return this.#untaken >= UNTAKEN || this.#inWork >= this.studio.lanes;
  }

  start(): void {
    if (this.#running) return;
    this.#running = true;
    void this.#run()
      .catch(this.events.onError)
      .finally(() => {
        this.#running = false;
      });
  }

  async #run(): Promise<void> {
    const failures: unknown[] = [];
    for (;;) {
      if (failures.length) throw failures[0];
      const { track, portraits } = this.studio;
      if (!this.#playing || !track || !portraits.length) return;
      const milliseconds = this.#elapsed + performance.now() - this.#since;
      const index = Math.floor((milliseconds / 1000) * track.fps);
      if (index <= this.#shown) {
        await this.#sleep((1000 * (this.#shown + 1)) / track.fps - milliseconds);
      } else if (this.#untaken >= UNTAKEN || this.#inWork >= this.#most) {
        await this.#sleep(REPORT_MS);
      } else {
        if (this.#shown >= 0) this.#dropped += index - this.#shown - 1;
        this.#shown = index;
        const drawing = await this.begin(track.frame(index), milliseconds / 1000);
        this.finish(drawing).catch((error: unknown) => failures.push(error));
        await nextTask();
      }
    }
  }

  #sleep(milliseconds: number): Promise<void> {
    return new Promise((resolve) => {
      const done = () => {
        clearTimeout(timer);
        this.#wake = null;
        resolve();
      };
      const timer = setTimeout(done, Math.max(0, milliseconds));
      this.#wake = done;
    });
  }

  #report(): void {
    const now = performance.now();
    if (now - this.#reported < REPORT_MS) return;
    const { studio } = this;
    const { chosen, threads } = studio.loaded.report;
    this.events.onStatistics({
      fps: (1000 * this.#frames) / (now - this.#reported),
      size: studio.size,
      backend: chosen,
      threads,
      stagesMs: studio.watch.take(),
      droppedFrames: this.#dropped,
    });
    this.#frames = 0;
    this.#reported = now;
  }
}

/** Lets messages from the page in; timers would wait at least 4 ms. */
export function nextTask(): Promise<void> {
  return new Promise((resolve) => {
    const { port1, port2 } = new MessageChannel();
    port1.onmessage = () => {
      port1.close();
      resolve();
    };
    port2.postMessage(null);
  });
}
