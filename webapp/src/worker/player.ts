/** Plays a motion: draws its frames when they are due, drops those that come too late, never queues any. */

import type { Frame, Statistics } from "../engine/types";
import type { Studio } from "./studio";
import type { MotionFrame } from "./tracks";

const UNTAKEN = 2; // frames that the page may have before it
const REPORT_MS = 1000;

export interface PlayerEvents {
  readonly onFrame: (frame: Frame) => void;
  readonly onStatistics: (statistics: Statistics) => void;
  readonly onError: (error: unknown) => void;
}

export class Player {
  #playing = false;
  #running = false;
  /** Milliseconds of the motion that had passed when the clock was last set, and when that was. */
  #elapsed = 0;
  #since = 0;
  #shown = -1;
  #untaken = 0;
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
    await this.exclusive(() => this.show(track.frame(index), index / track.fps));
  }

  /** Draws a moment of a motion and hands it to the page. */
  async show(motion: MotionFrame, time: number, begun = performance.now()): Promise<void> {
    const bitmap = await this.studio.draw(motion);
    const renderMs = performance.now() - begun;
    this.#untaken += 1;
    this.#frames += 1;
    this.events.onFrame({ bitmap, time, renderMs });
    await this.studio.pace(renderMs);
    this.#report();
  }

  get crowded(): boolean {
    return this.#untaken >= UNTAKEN;
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
    for (;;) {
      const { track, portraits } = this.studio;
      if (!this.#playing || !track || !portraits.length) return;
      const milliseconds = this.#elapsed + performance.now() - this.#since;
      const index = Math.floor((milliseconds / 1000) * track.fps);
      if (index <= this.#shown) {
        await this.#sleep((1000 * (this.#shown + 1)) / track.fps - milliseconds);
      } else if (this.crowded) {
        await this.#sleep(REPORT_MS);
      } else {
        if (this.#shown >= 0) this.#dropped += index - this.#shown - 1;
        this.#shown = index;
        await this.exclusive(() => this.show(track.frame(index), milliseconds / 1000));
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
