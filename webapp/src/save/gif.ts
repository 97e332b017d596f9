/** GIF: one palette for the whole clip, so that what stands still does not flicker; only what changed is stored. */

import { applyPalette, GIFEncoder, type Palette, quantize } from "gifenc";
import type { ClipWriter } from "./writer";

export const GIF_MAX_SIDE = 480;
const COLOURS = 255; // and one for "as before"
const LOOKED_AT = 64; // frames that the palette is made of
const SAMPLES = 2 ** 19; // pixels that the palette is made of
const TICKS = 100; // a GIF counts hundredths of a second
const FORMAT = "rgb565";

interface Waiting {
  readonly pixels: Uint8ClampedArray;
  readonly time: number;
  readonly duration: number;
}

export class GifWriter implements ClipWriter {
  readonly #encoder = GIFEncoder();
  #waiting: Waiting[] = [];
  #palette: Palette | null = null;
  #shown: Uint8Array | null = null;

  constructor(private readonly canvas: OffscreenCanvas) {}

  async add(time: number, duration: number): Promise<void> {
    const { width, height } = this.canvas;
    const context = this.canvas.getContext("2d");
    if (!context) throw new Error("This browser cannot draw in the background.");
    const frame = { pixels: context.getImageData(0, 0, width, height).data, time, duration };
    if (this.#palette) return this.#write(frame, this.#palette);
    this.#waiting.push(frame);
    if (this.#waiting.length >= LOOKED_AT) this.#flush();
  }

  async finish(): Promise<Uint8Array<ArrayBuffer>> {
    this.#flush();
    this.#encoder.finish();
    return this.#encoder.bytes() as Uint8Array<ArrayBuffer>;
  }

  async cancel(): Promise<void> {
    this.#waiting = [];
  }

  #flush(): void {
    this.#palette ??= paletteOf(this.#waiting.map(({ pixels }) => pixels));
    for (const frame of this.#waiting) this.#write(frame, this.#palette);
    this.#waiting = [];
  }

  #write({ pixels, time, duration }: Waiting, palette: Palette): void {
    const indices = applyPalette(pixels, palette.slice(0, COLOURS), FORMAT);
    const { width, height } = this.canvas;
    const asBefore = palette.length - 1;
    const changes = this.#shown ? indices.map((index, i) => (index === this.#shown?.[i] ? asBefore : index)) : indices;
    // Rounded from the beginning, so that the error of a frame's time does not add up.
    const delay = (1000 / TICKS) * (Math.round((time + duration) * TICKS) - Math.round(time * TICKS));
    this.#encoder.writeFrame(changes, width, height, {
      ...(this.#shown ? {} : { palette }),
      delay,
      transparent: this.#shown !== null,
      transparentIndex: asBefore,
      dispose: 1,
    });
    this.#shown = indices;
  }
}

/** A palette for all these frames; its last entry stands for "as before". */
function paletteOf(frames: readonly Uint8ClampedArray[]): Palette {
  const total = frames.reduce((sum, pixels) => sum + pixels.length / 4, 0);
  const step = Math.max(1, Math.ceil(total / SAMPLES));
  const sample = new Uint32Array(Math.ceil(total / step) + frames.length);
  let count = 0;
  for (const pixels of frames) {
    const colours = new Uint32Array(pixels.buffer, pixels.byteOffset, pixels.length / 4);
    for (let i = 0; i < colours.length; i += step) sample[count++] = colours[i] ?? 0;
  }
  return [...quantize(new Uint8Array(sample.buffer, 0, 4 * count), COLOURS, { format: FORMAT }), [0, 0, 0]];
}
