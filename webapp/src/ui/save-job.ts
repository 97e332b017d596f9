import type { Engine } from "../engine/types";
import { type Recording, type TimedFrame } from "../media/recording";
import { readFrames } from "../media/video";
import { MARKS } from "../marks";
import { DEFAULT_LABEL, saveClip, type SavedFile, type SaveFormat, saveStill, type Sign, type Watermark } from "../save";

/** Frames a second that are read from a driving video for a file. */
const VIDEO_RATE = 25;

/** What a file is made from. */
export type SaveSource =
  | { readonly kind: "preset"; readonly seconds: number }
  | { readonly kind: "video"; readonly file: File; readonly seconds: number }
  | { readonly kind: "recording"; readonly recording: Recording; readonly seconds: number };

/** How far it is: a driver is first watched to its end, then its frames are made. */
export type SaveProgress =
  | { readonly step: "watching" | "rendering"; readonly done: number; readonly total: number }
  | { readonly step: "writing" };

export interface SaveOptions {
  readonly format: SaveFormat;
  readonly loops: number;
  readonly seamless: boolean;
  readonly label: boolean;
  readonly title: string;
  readonly source: SaveSource;
  /** The moment of a still: seconds since the motion began, and what the page shows of it. */
  readonly moment: { readonly seconds: number; readonly shown: HTMLCanvasElement };
  readonly signal: AbortSignal;
  readonly onProgress: (progress: SaveProgress) => void;
  readonly watermark: Watermark;
  readonly sign: Sign;
}

/** Makes the file. Throws EngineError, CredentialsError, AbortError, or Error if this browser cannot write the format. */
export async function makeFile(engine: Engine, options: SaveOptions): Promise<SavedFile> {
  const { format, loops, seamless, source, signal, title, onProgress, watermark, sign } = options;
  const label = options.label ? DEFAULT_LABEL : null;
  if (format === "png") {
    const bitmap = await still(engine, options);
    try {
      return await saveStill(bitmap, { label, title, watermark, sign });
    } finally {
      bitmap.close();
    }
  }
  const total = expectedFrames(source);
  const frames = framesOf(source);
  return saveClip(engine, {
    format,
    loops: format === "gif" ? 1 : loops, // a GIF repeats itself
    seamless,
    label,
    title,
    watermark,
    sign,
    signal,
    ...(frames === null ? {} : { source: frames }),
    onFollowed: (done) => { onProgress({ step: "watching", done: Math.min(done, total), total }); },
    onProgress: (done, all) => { onProgress(done < all ? { step: "rendering", done, total: all } : { step: "writing" }); },
  });
}

function framesOf(source: SaveSource): AsyncIterable<TimedFrame> | null {
  switch (source.kind) {
    case "preset":
      return null;
    case "video":
      return readFrames(source.file, VIDEO_RATE);
    case "recording":
      return source.recording.play();
  }
}

function expectedFrames(source: SaveSource): number {
  return source.kind === "recording" ? source.recording.frames : Math.max(1, Math.round(source.seconds * VIDEO_RATE));
}

/** The moment at the photo's full size if a preset can be rendered up to it, otherwise as the page shows it. */
async function still(engine: Engine, { source, moment, signal, onProgress }: SaveOptions): Promise<ImageBitmap> {
  if (source.kind !== "preset") return createImageBitmap(moment.shown);
  const wanted = moment.seconds % source.seconds;
  let latest: ImageBitmap | null = null;
  for await (const { bitmap, time, duration, total } of engine.renderAll({ loops: 1, signal })) {
    latest?.close();
    latest = bitmap;
    onProgress({ step: "rendering", done: Math.round(time / duration) + 1, total: Math.min(total, Math.ceil(wanted / duration) + 1) });
    if (time + duration > wanted) break;
  }
  if (latest === null) throw new Error("The motion has no frame.");
  return latest;
}

/** What manifests call the motion: the preset's name, or that of the video without its ending. */
export function motionName(source: SaveSource, preset: string): string {
  switch (source.kind) {
    case "preset":
      return preset;
    case "video":
      return source.file.name.replace(/\.[^.]+$/, "");
    case "recording":
      return "recording";
  }
}

/** Where a file's manifest is if not in itself: for clip.webm in clip.c2pa, where C2PA's own tools look for it. */
export function sidecarName(file: string): string {
  return file.replace(/\.[^.]+$/, MARKS.sidecar);
}

/** A file name that every system takes: "grace-hopper-smile.mp4". */
export function fileName(title: string, motion: string, format: SaveFormat): string {
  const plain = `${title} ${motion}`.normalize("NFC").toLowerCase();
  const words = plain.replace(/[^\p{Letter}\p{Number}]+/gu, "-").replace(/^-|-$/g, "");
  return `${words === "" ? "portrait" : words}.${format}`;
}
