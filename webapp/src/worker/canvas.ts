/** Puts rendered squares into the photo: quickly for the screen, exactly for a file. */

import type { View } from "../engine/types";
import { type Picture, withAlpha } from "./picture";
import { type Portrait, sideOf, type Square } from "./portrait";
import type { RenderedSquare } from "./renderer";

export interface Rendered {
  readonly portrait: Portrait;
  readonly frame: RenderedSquare;
}

/** The photo as large as the viewer shows it, with the squares scaled and blended by the browser. */
export class ScreenCanvas {
  #view: View = { show: "photo", maxSide: 960 };
  #background: OffscreenCanvas | null = null;
  #canvas = new OffscreenCanvas(1, 1);
  readonly #square = new OffscreenCanvas(1, 1);

  constructor(private readonly photo: Picture) {}

  set view(view: View) {
    this.#view = view;
    this.#background = null;
  }

  draw(rendered: readonly Rendered[]): ImageBitmap {
    const first = rendered[0];
    const face = this.#view.show === "face" ? first?.portrait.square : undefined;
    const area = face ?? { left: 0, top: 0, side: 0 };
    const [width, height] = face ? [face.side, face.side] : [this.photo.width, this.photo.height];
    const scale = Math.min(1, this.#view.maxSide / Math.max(width, height));
    const background = (this.#background ??= this.#scaled(area, width, height, scale));
    // Handed over, a canvas is blank again; to set its size, even to the same, would clear it once more.
    if (this.#canvas.width !== background.width) this.#canvas.width = background.width;
    if (this.#canvas.height !== background.height) this.#canvas.height = background.height;
    const context = contextOf(this.#canvas);
    context.drawImage(background, 0, 0);
    for (const { portrait, frame } of rendered) {
      const { left, top, side } = portrait.square;
      this.#fill(frame);
      context.drawImage(this.#square, (left - area.left) * scale, (top - area.top) * scale, side * scale, side * scale);
    }
    return this.#canvas.transferToImageBitmap();
  }

  #scaled(area: Square, width: number, height: number, scale: number): OffscreenCanvas {
    const full = new OffscreenCanvas(this.photo.width, this.photo.height);
    contextOf(full).putImageData(withAlpha(this.photo), 0, 0);
    const canvas = new OffscreenCanvas(Math.max(1, Math.round(width * scale)), Math.max(1, Math.round(height * scale)));
    const context = contextOf(canvas);
    context.imageSmoothingQuality = "high";
    context.drawImage(full, -area.left * scale, -area.top * scale, full.width * scale, full.height * scale);
    return canvas;
  }

  #fill(frame: RenderedSquare): void {
    const size = sideOf(frame);
    if (this.#square.width !== size) this.#square.width = this.#square.height = size;
    contextOf(this.#square).putImageData(new ImageData(frame, size, size), 0, 0);
  }
}

/** The photo at its full size, with the squares blended by the graph `paste`, as `vivant animate` does it. */
export class FileCanvas {
  readonly #image: ImageData;

  constructor(private readonly photo: Picture) {
    this.#image = withAlpha(photo);
  }

  async draw(rendered: readonly Rendered[]): Promise<ImageBitmap> {
    for (const { portrait } of rendered) this.#restore(portrait.square);
    for (const { portrait, frame } of rendered) {
      const picture = await portrait.paste(frame, this.#backdrop(portrait.square), this.photo.channels);
      this.#write(portrait.square, picture);
    }
    return createImageBitmap(this.#image);
  }

  /** What is in the square now; beyond the photo its border is repeated. */
  #backdrop({ left, top, side }: Square): Uint8Array {
    const { data, width, height } = this.#image;
    const backdrop = new Uint8Array(side * side * this.photo.channels);
    let to = 0;
    for (let y = top; y < top + side; y++) {
      const row = clamp(y, height) * width;
      for (let x = left; x < left + side; x++) {
        const from = (row + clamp(x, width)) * 4;
        backdrop[to++] = data[from] ?? 0;
        backdrop[to++] = data[from + 1] ?? 0;
        backdrop[to++] = data[from + 2] ?? 0;
      }
    }
    return backdrop;
  }

  #write(square: Square, picture: Uint8Array): void {
    this.#copy(square, (x, y) => ((y - square.top) * square.side + x - square.left) * this.photo.channels, picture);
  }

  #restore(square: Square): void {
    this.#copy(square, (x, y) => (y * this.photo.width + x) * this.photo.channels, this.photo.pixels);
  }

  #copy({ left, top, side }: Square, place: (x: number, y: number) => number, pixels: Uint8Array): void {
    const { data, width, height } = this.#image;
    for (let y = Math.max(0, top); y < Math.min(height, top + side); y++) {
      for (let x = Math.max(0, left); x < Math.min(width, left + side); x++) {
        const [to, from] = [(y * width + x) * 4, place(x, y)];
        data[to] = pixels[from] ?? 0;
        data[to + 1] = pixels[from + 1] ?? 0;
        data[to + 2] = pixels[from + 2] ?? 0;
      }
    }
  }
}

function clamp(value: number, length: number): number {
  return Math.min(Math.max(value, 0), length - 1);
}

function contextOf(canvas: OffscreenCanvas): OffscreenCanvasRenderingContext2D {
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser cannot draw in the background.");
  return context;
}
