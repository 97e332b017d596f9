/** Encodes in the background: gets frames, answers with the file's bytes. */

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
  | { readonly kind: "frame"; readonly bitmap: ImageBitmap; readonly time: number; readonly duration: number }
  | { readonly kind: "finish" };

export type SaveAnswer =
  | { readonly kind: "done"; readonly bytes?: Uint8Array<ArrayBuffer> }
  | { readonly kind: "failed"; readonly message: string };

let opening: Opening | null = null;
let canvas: OffscreenCanvas | null = null;
let writer: ClipWriter | null = null;

async function handle(request: SaveRequest): Promise<Uint8Array<ArrayBuffer> | undefined> {
  if (request.kind === "open") opening = request.opening;
  else if (request.kind === "frame") await add(request.bitmap, request.time, request.duration);
  else return writer?.finish();
  return undefined;
}

async function add(bitmap: ImageBitmap, time: number, duration: number): Promise<void> {
  if (!opening) throw new Error("The file was not opened.");
  canvas ??= canvasFor(bitmap, opening);
  draw(bitmap, canvas, opening);
  bitmap.close();
  writer ??=
    opening.format === "gif" ? new GifWriter(canvas) : await VideoWriter.open(canvas, opening.format, opening.title);
  await writer.add(time, duration);
}

function canvasFor(bitmap: ImageBitmap, { format }: Opening): OffscreenCanvas {
  const { width, height } = fit(bitmap.width, bitmap.height, format === "gif" ? GIF_MAX_SIDE : Infinity);
  const even = format === "gif" ? 0 : 1;
  return new OffscreenCanvas(width + (width & even), height + (height & even));
}

/** Draws the frame; where a side had to become even, its last row or column is repeated. */
function draw(bitmap: ImageBitmap, canvas: OffscreenCanvas, { format, label }: Opening): void {
  const context = canvas.getContext("2d", { alpha: false, willReadFrequently: format === "gif" });
  if (!context) throw new Error("This browser cannot draw in the background.");
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
    (bytes) => {
      const answer: SaveAnswer = bytes ? { kind: "done", bytes } : { kind: "done" };
      postMessage(answer, { transfer: bytes ? [bytes.buffer] : [] });
    },
    (error: unknown) => {
      postMessage({ kind: "failed", message: String(error) } satisfies SaveAnswer);
    },
  );
});
