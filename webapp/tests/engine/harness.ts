/** The bare page of the engine's tests and of the benchmark: puts the engine where a test can reach it. */

import { createEngine } from "../../src/engine";
import { logPlacement } from "./placement";
import type { Frame, Statistics } from "../../src/engine";

const frames: { time: number; renderMs: number; at: number }[] = [];
const statistics: Statistics[] = [];
const canvas = document.querySelector("canvas") as HTMLCanvasElement;

/** Shows a frame as the page does. */
function show({ bitmap, time, renderMs }: Frame): void {
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  canvas.getContext("bitmaprenderer")?.transferFromImageBitmap(bitmap);
  frames.push({ time, renderMs, at: performance.now() });
}

/** A bitmap's pixels, R G B A. */
function pixelsOf(bitmap: ImageBitmap): Uint8ClampedArray {
  const context = new OffscreenCanvas(bitmap.width, bitmap.height).getContext("2d");
  if (!context) throw new Error("no context");
  context.drawImage(bitmap, 0, 0);
  return context.getImageData(0, 0, bitmap.width, bitmap.height).data;
}

const harness = { createEngine, logPlacement, show, frames, statistics, pixelsOf };
export type Harness = typeof harness;
Object.assign(globalThis, { harness });
