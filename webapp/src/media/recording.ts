/** What a camera showed while the visitor recorded: small JPEG pictures in memory, never a file. */

import type { DriverFrame } from "../engine/types";

/** A frame of a driver in the order and form in which the engine renders a clip from it. */
export interface TimedFrame {
  readonly frame: DriverFrame;
  /** Seconds since the first frame. */
  readonly time: number;
}

/** Longest recording in seconds; longer clips are for driving videos. */
export const LONGEST_RECORDING = 20;

export class Recording {
  readonly #pictures: { readonly time: number; readonly jpeg: Promise<Blob> }[] = [];
  readonly #canvas = new OffscreenCanvas(1, 1);
  #begin: number | null = null;

  get frames(): number {
    return this.#pictures.length;
  }

  /** Seconds between the first and the last frame. */
  get seconds(): number {
    return this.#pictures.at(-1)?.time ?? 0;
  }

  /** Copies a frame; the caller keeps it. Frames after `LONGEST_RECORDING` are left out. */
  add(frame: ImageBitmap, seconds: number): void {
    this.#begin ??= seconds;
    const time = seconds - this.#begin;
    if (time > LONGEST_RECORDING) return;
    this.#canvas.width = frame.width;
    this.#canvas.height = frame.height;
    this.#canvas.getContext("2d")?.drawImage(frame, 0, 0);
    this.#pictures.push({ time, jpeg: this.#canvas.convertToBlob({ type: "image/jpeg", quality: 0.92 }) });
  }

  /** All frames from the first on; each call begins anew. */
  async *play(): AsyncGenerator<TimedFrame> {
    for (const { time, jpeg } of this.#pictures) {
      yield { frame: await createImageBitmap(await jpeg), time };
    }
  }
}
