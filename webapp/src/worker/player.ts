/**
 * Plays a motion: makes its frames somewhat before they are due, as many at once as the renderer can, shows them when they
 * are due, and drops those that could not be begun in time.
 */

import type { Frame, Statistics } from "../engine/types";
import { Queue } from "./queue";
import type { Begun, Studio } from "./studio";
import type { MotionFrame } from "./tracks";

const UNTAKEN = 2; // frames that the page may have before it
const SPARE = 1; // frame of a motion that may wait for one of several workers, so that none of them is idle
const AHEAD = 3; // frames of a motion that several workers may make before they are due: a pause of theirs is not seen
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
  /** Of a motion that plays: when it is to be shown. null: at once. */
  readonly turn: Turn | null;
}

/** A frame's number in the motion, and the stretch of play by whose clock it is due. */
interface Turn {
  readonly index: number;
  readonly stretch: number;
}

export class Player {
  #playing = false;
  #running = false;
  /** Milliseconds of the motion that had passed when the clock was last set, and when that was. */
  #elapsed = 0;
  #since = 0;
  /** The frame that was begun last, and the one that was shown last. */
  #begun = -1;
  #shown = -1;
  /** Changes where the clock is set anew: frames that were made for the old one are dropped. */
  #stretch = 0;
  #untaken = 0;
  /** Frames that were begun and are not rendered. */
  #inWork = 0;
  readonly #finishing = new Queue();
  readonly #awaitingRoom: (() => void)[] = [];
  #wake: (() => void) | null = null;
  /** Ends the wait of a frame that is not due yet. */
  #hasten: (() => void) | null = null;
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
    if (!playing) this.#elapsed = this.#now;
    this.#playing = playing;
    this.#restart();
  }

  /** The motion begins anew. */
  rewind(): void {
    this.#elapsed = 0;
    this.#shown = -1;
    this.#restart();
  }

  /** Milliseconds of the motion that have passed. */
  get #now(): number {
    return this.#playing ? this.#elapsed + performance.now() - this.#since : this.#elapsed;
  }

  /** What was made ahead is dropped; the clock goes on from `#elapsed`. */
  #restart(): void {
    this.#since = performance.now();
    this.#stretch += 1;
    this.#begun = this.#shown;
    this.#hasten?.();
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
  async begin(motion: MotionFrame, time: number, begun = performance.now(), turn: Turn | null = null): Promise<Drawing> {
    this.#inWork += 1;
    try {
      return { frame: await this.exclusive(() => this.studio.begin(motion)), time, begun, turn };
    } catch (error) {
      this.#inWork -= 1;
      throw error;
    }
  }

  /** Hands what was begun to the page, frame after frame. */
  finish(drawing: Drawing): Promise<void> {
    const rendered = this.#rendered(drawing);
    rendered.catch(() => undefined); // told below, when it is this frame's turn
    return this.#finishing.run(async () => {
      const renderMs = await rendered;
      if (!(await this.#due(drawing))) return;
      const drawn = performance.now();
      const bitmap = await this.studio.finish(drawing.frame);
      if (!bitmap) return;
      const cost = renderMs + performance.now() - drawn;
      this.#untaken += 1;
      this.#frames += 1;
      if (drawing.turn) this.#shown = drawing.turn.index;
      this.events.onFrame({ bitmap, time: drawing.time, renderMs: cost });
      await this.exclusive(() => this.studio.pace(cost / this.studio.lanes));
      this.#report();
    });
  }

  /** Once its squares are rendered: the milliseconds that took. */
  async #rendered({ frame, begun }: Drawing): Promise<number> {
    try {
      await Promise.all(frame.squares);
      return performance.now() - begun;
    } finally {
      this.#inWork -= 1;
      this.#wake?.();
      for (const go of this.#awaitingRoom.splice(0)) go();
    }
  }

  /** Waits until a frame is to be shown; false if the clock was set anew meanwhile. */
  async #due({ time, turn }: Drawing): Promise<boolean> {
    if (!turn) return true;
    const early = 1000 * time - this.#now;
    if (turn.stretch === this.#stretch && early > 0) {
      await new Promise<void>((resolve) => {
        const done = () => {
          clearTimeout(timer);
          this.#hasten = null;
          resolve();
        };
        const timer = setTimeout(done, early);
        this.#hasten = done;
      });
    }
    return turn.stretch === this.#stretch;
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

  /** Frames of a motion that may be made before they are due. */
  get #ahead(): number {
    return this.studio.lanes > 1 ? AHEAD : 0;
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
      const due = Math.floor((this.#now / 1000) * track.fps);
      const next = Math.max(due, this.#begun + 1);
      if (next > due + this.#ahead) {
        await this.#sleep((1000 * (next - this.#ahead)) / track.fps - this.#now);
      } else if (this.#untaken >= UNTAKEN || this.#inWork >= this.#most) {
        await this.#sleep(REPORT_MS);
      } else {
        if (this.#begun >= 0) this.#dropped += next - this.#begun - 1;
        this.#begun = next;
        const turn = { index: next, stretch: this.#stretch };
        const drawing = await this.begin(track.frame(next), next / track.fps, performance.now(), turn);
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
