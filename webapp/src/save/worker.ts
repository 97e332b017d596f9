/** Encodes in the background: gets frames, answers with the file's bytes. */

import type { Pixels } from "../engine/types";
import { GIF_MAX_SIDE, GifWriter } from "./gif";
import { drawLabel } from "./label";
import type { SaveFormat } from "./types";
import { VideoWriter } from "./video";
import { type ClipWriter, fit } from "./writer";

export interface Opening {
  readonly format: Exclude<SaveFormat, "png">;
  readonly label: string | null;
  readonly title: string;
}

export type SaveRequest =
  | { readonly kind: "open"; readonly opening: Opening }
  | { readonly kind: "draw"; readonly bitmap: ImageBitmap; readonly time: number; readonly duration: number }
  /** The pixels of the frame that was drawn, to be changed before they are encoded. */
  | { readonly kind: "pixels" }
  | { readonly kind: "encode"; readonly pixels?: Uint8ClampedArray<ArrayBuffer> }
  | { readonly kind: "finish" };

export type SaveAnswer =
  | { readonly kind: "done"; readonly bytes?: Uint8Array<ArrayBuffer>; readonly drawn?: Pixels }
  | { readonly kind: "failed"; readonly message: string };

/** Seconds. */
interface Moment {
  readonly time: number;
  readonly duration: number;
}

let opening: Opening | null = null;
let canvas: OffscreenCanvas | null = null;
let writer: ClipWriter | null = null;
let moment: Moment = { time: 0, duration: 0 };

async function handle(request: SaveRequest): Promise<Omit<SaveAnswer & { kind: "done" }, "kind">> {
  switch (request.kind) {
    case "open":
      opening = request.opening;
      return {};
    case "draw":
      drawFrame(request.bitmap, request);
      return {};
    case "pixels":
      return { drawn: pixelsOf(drawn().canvas) };
    case "encode":
      await encode(request.pixels);
      return {};
    case "finish": {
      const bytes = await writer?.finish();
      return bytes ? { bytes } : {};
    }
  }
}

function drawn(): { opening: Opening; canvas: OffscreenCanvas } {
  if (!opening || !canvas) throw new Error("There is no frame.");
  return { opening, canvas };
}

function drawFrame(bitmap: ImageBitmap, when: Moment): void {
  if (!opening) throw new Error("The file was not opened.");
  canvas ??= canvasFor(bitmap, opening);
  draw(bitmap, canvas, opening);
  bitmap.close();
  moment = when;
}

/** Encodes what the canvas shows, or these pixels instead. */
async function encode(pixels: Uint8ClampedArray<ArrayBuffer> | undefined): Promise<void> {
  const { opening, canvas } = drawn();
  if (pixels) contextOf(canvas).putImageData(new ImageData(pixels, canvas.width, canvas.height), 0, 0);
  const { format, title } = opening;
  writer ??= format === "gif" ? new GifWriter(canvas) : await VideoWriter.open(canvas, format, title);
  await writer.add(moment.time, moment.duration);
}

function pixelsOf(canvas: OffscreenCanvas): Pixels {
  const { width, height } = canvas;
  return { pixels: contextOf(canvas).getImageData(0, 0, width, height).data as Uint8ClampedArray<ArrayBuffer>, width, height };
}

/** Its pixels are read for every frame. */
function contextOf(canvas: OffscreenCanvas): OffscreenCanvasRenderingContext2D {
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: true });
  if (!context) throw new Error("This browser cannot draw in the background.");
  return context;
}

function canvasFor(bitmap: ImageBitmap, { format }: Opening): OffscreenCanvas {
  const { width, height } = fit(bitmap.width, bitmap.height, format === "gif" ? GIF_MAX_SIDE : Infinity);
  const even = format === "gif" ? 0 : 1;
  return new OffscreenCanvas(width + (width & even), height + (height & even));
}

/** Draws the frame; where a side had to become even, its last row or column is repeated. */
function draw(bitmap: ImageBitmap, canvas: OffscreenCanvas, { format, label }: Opening): void {
  const context = contextOf(canvas);
  if (format === "gif") {
    context.imageSmoothingQuality = "high";
    context.drawImage(bitmap, 0, 0, canvas.width, canvas.height);
  } else {
    for (let x = canvas.width - bitmap.width; x >= 0; x--) {
      for (let y = canvas.height - bitmap.height; y >= 0; y--) context.drawImage(bitmap, x, y);
    }
  }
  if (label) drawLabel(context, label);
}

addEventListener("message", ({ data }: MessageEvent<SaveRequest>) => {
  handle(data).then(
    (result) => {
      const { bytes, drawn } = result;
      const transfer = [bytes?.buffer, drawn?.pixels.buffer].filter((buffer) => buffer !== undefined);
      postMessage({ kind: "done", ...result } satisfies SaveAnswer, { transfer });
    },
    (error: unknown) => {
      postMessage({ kind: "failed", message: String(error) } satisfies SaveAnswer);
    },
  );
});
