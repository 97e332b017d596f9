/** From an engine's frames to a file that the visitor keeps. */

import type { Engine } from "../engine/types";
import { DEFAULT_LABEL, drawLabel } from "./label";
import { type Marking, MIME_TYPES, type SavedFile, type SaveFormat, type Watermark } from "./types";
import { codecFor } from "./video";
import type { SaveAnswer, SaveRequest } from "./worker";

export type ClipOptions = Marking &
  Omit<Parameters<Engine["renderAll"]>[0], "loops"> & {
    readonly format: Exclude<SaveFormat, "png">;
    /** How often the motion is repeated; a GIF repeats itself. */
    readonly loops?: number;
    readonly onProgress?: (done: number, total: number) => void;
  };

const COMMON_SIDE = 1024; // pixels, for asking what can be encoded before there is a clip

/** What this browser can write. */
export async function supportedFormats(): Promise<ReadonlySet<SaveFormat>> {
  const supported = new Set<SaveFormat>(["gif", "png"]);
  for (const format of ["mp4", "webm"] as const) {
    if (await codecFor(format, COMMON_SIDE, COMMON_SIDE)) supported.add(format);
  }
  return supported;
}

/**
 * Renders the motion that is set from its beginning to its end into a file.
 * Throws EngineError, what `signal` was aborted with, or Error where the browser cannot encode.
 */
export async function saveClip(engine: Engine, options: ClipOptions): Promise<SavedFile> {
  const { format, loops = 1, onProgress, label = DEFAULT_LABEL, title = "", watermark, sign, ...rendering } = options;
  const encoder = new Encoder();
  try {
    await encoder.ask({ kind: "open", opening: { format, label, title } });
    let done = 0;
    let encoded: Promise<unknown> = Promise.resolve();
    for await (const { bitmap, time, duration, total } of engine.renderAll({ ...rendering, loops })) {
      await encoded; // one frame is encoded while the next one is rendered, no more
      encoded = encoder.add(bitmap, time, duration, watermark);
      encoded.catch(() => undefined);
      onProgress?.(++done, total);
    }
    await encoded;
    const { bytes } = await encoder.ask({ kind: "finish" });
    if (!bytes) throw new Error("There was nothing to save.");
    return await signed(new Blob([bytes], { type: MIME_TYPES[format] }), format, { label, sign });
  } finally {
    encoder.end();
  }
}

/** A PNG picture of one frame, which stays open. */
export async function saveStill(bitmap: ImageBitmap, marking: Marking = {}): Promise<SavedFile> {
  const canvas = new OffscreenCanvas(bitmap.width, bitmap.height);
  const context = canvas.getContext("2d");
  if (!context) throw new Error("This browser cannot draw pictures.");
  context.drawImage(bitmap, 0, 0);
  const { label = DEFAULT_LABEL } = marking;
  if (label) drawLabel(context, label);
  if (marking.watermark) {
    const { width, height } = canvas;
    const pixels = context.getImageData(0, 0, width, height).data as Uint8ClampedArray<ArrayBuffer>;
    context.putImageData(new ImageData(await marking.watermark({ pixels, width, height }), width, height), 0, 0);
  }
  const picture = await canvas.convertToBlob({ type: MIME_TYPES.png });
  return signed(picture, "png", { ...marking, label });
}

async function signed(file: Blob, format: SaveFormat, { sign, label = null }: Marking): Promise<SavedFile> {
  return sign ? sign(file, { format, label }) : { file, sidecar: null };
}

/** The worker that encodes; one request at a time. */
class Encoder {
  readonly #worker = new Worker(new URL("./worker.ts", import.meta.url), { type: "module", name: "vivant-save" });

  /** Draws a frame with its label, has it marked, and encodes it. */
  async add(bitmap: ImageBitmap, time: number, duration: number, watermark: Watermark | undefined): Promise<void> {
    await this.ask({ kind: "draw", bitmap, time, duration }, [bitmap]);
    const { drawn } = watermark ? await this.ask({ kind: "pixels" }) : {};
    if (!watermark || !drawn) return void (await this.ask({ kind: "encode" }));
    const pixels = await watermark(drawn);
    await this.ask({ kind: "encode", pixels }, [pixels.buffer]);
  }

  ask(request: SaveRequest, transfer: Transferable[] = []): Promise<SaveAnswer & { kind: "done" }> {
    return new Promise((resolve, reject) => {
      this.#worker.onmessage = ({ data }: MessageEvent<SaveAnswer>) => {
        if (data.kind === "done") resolve(data);
        else reject(new Error(data.message));
      };
      this.#worker.onerror = (event) => {
        reject(new Error(event.message || "The worker that encodes could not be started."));
      };
      this.#worker.postMessage(request, transfer);
    });
  }

  end(): void {
    this.#worker.terminate();
  }
}
