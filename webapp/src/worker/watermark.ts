/** The invisible watermark: laid over frames that are saved, and looked for in files. Mirrors runtime/watermark.py. */

import type { Pixels, WatermarkReading, WatermarkTerms } from "../engine/types";
import { dispose, type Graphs, numbers, type Tensors } from "./graphs";

export class Watermark {
  constructor(private readonly graphs: Graphs) {}

  get terms(): WatermarkTerms {
    const { graphs, watermark } = this.graphs.manifest;
    const shape = graphs.watermark_embed.inputs.find(({ name }) => name === "message")?.shape ?? [];
    return { messageBytes: Number(shape[0]), frames: watermark.frames };
  }

  /** A frame with the mark in it. */
  async mark(frame: Pixels, message: Uint8Array): Promise<Uint8ClampedArray<ArrayBuffer>> {
    const { graphs } = this;
    const feeds = { image: this.#image(frame), message: graphs.uint8(message, [message.length]) };
    const outputs = await graphs.run("watermark_embed", feeds);
    const { buffer, byteOffset, byteLength } = outputs["marked"]?.data as Uint8Array<ArrayBuffer>;
    // A copy: what the runtime gives lies in the memory of its WebAssembly.
    const marked = new Uint8ClampedArray(buffer, byteOffset, byteLength).slice();
    dispose(feeds);
    dispose(outputs);
    return marked;
  }

  /** Looks for one mark in pictures of one file: whole first, then at those scales that cropping leads to. */
  async read(frames: readonly Pixels[]): Promise<WatermarkReading> {
    const { scales, search_frames } = this.graphs.manifest.watermark;
    const [first, ...others] = scales;
    if (first === undefined || frames.length === 0) return { message: null, confidence: 0, scale: 1, frames: 0 };
    const whole = await this.#at(frames, first);
    if (whole.message !== null) return whole;
    const few = spread(frames.length, search_frames).map((index) => frames[index] as Pixels);
    let cropped: WatermarkReading | null = null;
    for (const scale of others) {
      const found = await this.#at(few, scale);
      if (cropped === null || found.confidence > cropped.confidence) cropped = found;
    }
    if (cropped !== null && frames.length > few.length && cropped.confidence > whole.confidence) {
      cropped = await this.#at(frames, cropped.scale);
    }
    return cropped !== null && better(cropped, whole) ? cropped : whole;
  }

  async #at(frames: readonly Pixels[], scale: number): Promise<WatermarkReading> {
    const { graphs } = this;
    const { threshold } = graphs.manifest.watermark;
    const feeds: Tensors = { scale: graphs.input("watermark_read", "scale", Float32Array.of(scale)) };
    let sum: Float32Array | null = null;
    for (const frame of frames) {
      const image = this.#image(frame);
      const outputs = await graphs.run("watermark_read", { ...feeds, image });
      const estimate = numbers(outputs, "estimate");
      sum = sum === null ? estimate.slice() : sum.map((value, i) => value + (estimate[i] ?? 0));
      image.dispose();
      dispose(outputs);
    }
    dispose(feeds);
    const mean = (sum ?? new Float32Array()).map((value) => value / frames.length);
    const decoded = await graphs.run("watermark_decode", { estimate: graphs.input("watermark_decode", "estimate", mean) });
    const confidence = numbers(decoded, "confidence")[0] ?? 0;
    const valid = Boolean((decoded["valid"]?.data as Uint8Array)[0]) && confidence >= threshold;
    const message = valid ? Uint8Array.from(decoded["message"]?.data as Uint8Array) : null;
    dispose(decoded);
    return { message, confidence, scale, frames: frames.length };
  }

  #image({ pixels, width, height }: Pixels) {
    const bytes = new Uint8Array(pixels.buffer, pixels.byteOffset, pixels.length);
    return this.graphs.uint8(bytes, [height, width, pixels.length / (width * height)]);
  }
}

function better(a: WatermarkReading, b: WatermarkReading): boolean {
  const [foundA, foundB] = [a.message !== null, b.message !== null];
  return foundA === foundB ? a.confidence > b.confidence : foundA;
}

/** At most `wanted` of `count` frames, evenly spread. */
export function spread(count: number, wanted: number): number[] {
  const many = Math.min(count, wanted);
  if (many <= 1) return count > 0 ? [0] : [];
  return [...new Set(Array.from({ length: many }, (_, i) => Math.round((i * (count - 1)) / (many - 1))))];
}
