/** Hands the frames of a camera or a driving video to the engine, as fast as it takes them and no faster. */

import type { DriverFrame } from "../engine/types";
import { FrameCopier } from "./frame-copier";
import type { Recording } from "./recording";

/** Resolves with whether a face was seen, or null if the frame was dropped. */
export type Drive = (frame: DriverFrame, timestampSeconds: number) => Promise<boolean | null>;

export interface DriverOptions {
  readonly video: HTMLVideoElement;
  /** A camera shows its owner as a mirror does. */
  readonly mirrored: boolean;
  readonly drive: Drive;
  readonly onSeen: (seen: boolean) => void;
}

export class Driver {
  /** Frames are also kept here while it is set. */
  recording: Recording | null = null;

  readonly #options: DriverOptions;
  readonly #copier: FrameCopier;
  #running = false;
  #busy = false;

  constructor(options: DriverOptions) {
    this.#options = options;
    this.#copier = new FrameCopier(options.mirrored);
  }

  start(): void {
    this.#running = true;
    this.#await();
  }

  stop(): void {
    this.#running = false;
  }

  #await(): void {
    this.#options.video.requestVideoFrameCallback(() => {
      if (!this.#running) return;
      void this.#hand();
      this.#await();
    });
  }

  async #hand(): Promise<void> {
    const { video, drive, onSeen } = this.#options;
    if (this.#busy || video.videoWidth === 0) return;
    this.#busy = true;
    try {
      const seconds = performance.now() / 1000;
      const frame = this.#copier.copy(video);
      if (frame === null) return;
      this.recording?.add(frame, seconds);
      const seen = await drive(frame, seconds);
      if (seen !== null && this.#running) onSeen(seen);
    } catch {
      // The engine says itself what happened to it; the next frame goes to the one that takes over.
    } finally {
      this.#busy = false;
    }
  }
}
