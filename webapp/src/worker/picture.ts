/** Pictures as the graphs take them: uint8 RGB, row by row. Mirrors runtime/images.py. */

import { EngineError } from "../engine/types";
import type { Host } from "./manifest";
import { pictureSize } from "./picture-size";

const MAX_FILE_BYTES = 48 * 2 ** 20; // what a phone takes has a tenth of that
export const RGBA = 4;
const RGB = 3;

export interface Picture {
  readonly pixels: Uint8Array;
  readonly width: number;
  readonly height: number;
  readonly channels: typeof RGB;
}

/**
 * Decodes a photo: upright by its EXIF orientation, on white, sRGB, reduced to the host's largest side.
 * Throws EngineError `not-an-image` or `image-too-large`.
 */
export async function decodePhoto(file: Blob, limits: Host["photo"]): Promise<Picture> {
  if (file.size > MAX_FILE_BYTES) throw tooLarge(`the file has ${Math.round(file.size / 2 ** 20)} MB`);
  const stated = pictureSize(new Uint8Array(await file.slice(0, 2 ** 18).arrayBuffer()));
  refuseHuge(stated?.width ?? 0, stated?.height ?? 0, limits);
  let bitmap: ImageBitmap;
  try {
    bitmap = await createImageBitmap(file, { imageOrientation: "from-image" });
  } catch {
    throw new EngineError("not-an-image", "The file is not a picture that this browser can read.");
  }
  try {
    refuseHuge(bitmap.width, bitmap.height, limits);
    return await reduced(bitmap, limits.max_side);
  } finally {
    bitmap.close();
  }
}

async function reduced(bitmap: ImageBitmap, maxSide: number): Promise<Picture> {
  const scale = maxSide / Math.max(bitmap.width, bitmap.height);
  if (scale >= 1) return pictureOf(bitmap, bitmap.width, bitmap.height);
  const [width, height] = [Math.max(1, Math.round(bitmap.width * scale)), Math.max(1, Math.round(bitmap.height * scale))];
  const small = await createImageBitmap(bitmap, { resizeWidth: width, resizeHeight: height, resizeQuality: "high" });
  try {
    return pictureOf(small, width, height);
  } finally {
    small.close();
  }
}

/** Reads frames of a driver: one canvas and one buffer for all frames of a size. */
export class FrameReader {
  #canvas: OffscreenCanvas | null = null;
  #pixels = new Uint8Array();

  /** The frame within `maxSide`; its pixels are overwritten by the next frame. */
  read(frame: VideoFrame | ImageBitmap, maxSide: number): Picture {
    const [fullWidth, fullHeight] =
      "displayWidth" in frame ? [frame.displayWidth, frame.displayHeight] : [frame.width, frame.height];
    const scale = Math.min(1, maxSide / Math.max(fullWidth, fullHeight));
    const [width, height] = [Math.max(1, Math.round(fullWidth * scale)), Math.max(1, Math.round(fullHeight * scale))];
    if (this.#canvas?.width !== width || this.#canvas.height !== height) {
      this.#canvas = new OffscreenCanvas(width, height);
      this.#pixels = new Uint8Array(width * height * RGB);
    }
    const context = contextOf(this.#canvas);
    context.drawImage(frame, 0, 0, width, height);
    withoutAlpha(context.getImageData(0, 0, width, height).data, this.#pixels);
    return { pixels: this.#pixels, width, height, channels: RGB };
  }
}

function pictureOf(source: ImageBitmap, width: number, height: number): Picture {
  const context = contextOf(new OffscreenCanvas(width, height));
  context.fillStyle = "white";
  context.fillRect(0, 0, width, height);
  context.drawImage(source, 0, 0);
  const pixels = new Uint8Array(width * height * RGB);
  withoutAlpha(context.getImageData(0, 0, width, height).data, pixels);
  return { pixels, width, height, channels: RGB };
}

function contextOf(canvas: OffscreenCanvas): OffscreenCanvasRenderingContext2D {
  const context = canvas.getContext("2d", { willReadFrequently: true });
  if (!context) throw new EngineError("engine-failed", "This browser cannot draw in the background.");
  return context;
}

export function withoutAlpha(rgba: Uint8ClampedArray, rgb: Uint8Array): void {
  for (let from = 0, to = 0; to < rgb.length; from += RGBA, to += RGB) {
    rgb[to] = rgba[from] ?? 0;
    rgb[to + 1] = rgba[from + 1] ?? 0;
    rgb[to + 2] = rgba[from + 2] ?? 0;
  }
}

export function withAlpha({ pixels, width, height }: Picture): ImageData {
  const data = new Uint8ClampedArray(width * height * RGBA);
  for (let from = 0, to = 0; from < pixels.length; from += RGB, to += RGBA) {
    data[to] = pixels[from] ?? 0;
    data[to + 1] = pixels[from + 1] ?? 0;
    data[to + 2] = pixels[from + 2] ?? 0;
    data[to + 3] = 255;
  }
  return new ImageData(data, width, height);
}

function refuseHuge(width: number, height: number, limits: Host["photo"]): void {
  if (width * height > limits.max_megapixels * 1e6) throw tooLarge(`it has ${width}×${height} pixels`);
}

function tooLarge(why: string): EngineError {
  return new EngineError("image-too-large", `The picture is too large: ${why}.`);
}
