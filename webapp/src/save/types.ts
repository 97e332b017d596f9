/** What can be saved, and what a page says about it. */

import type { Pixels } from "../engine/types";
import { MARKS } from "../marks";

export type SaveFormat = "mp4" | "webm" | "gif" | "png";

/** What is known of a file when it is signed. */
export interface SignInfo {
  readonly format: SaveFormat;
  /** What every frame shows. */
  readonly label: string | null;
}

/** A finished file, and a second one that belongs beside it where its kind can hold no manifest. */
export interface SavedFile {
  readonly file: Blob;
  readonly sidecar: Blob | null;
}

/** Lays the invisible watermark over a frame (R, G, B, A), just before it is encoded. */
export type Watermark = (frame: Pixels) => Promise<Uint8ClampedArray<ArrayBuffer>>;

/** Signs a finished file. */
export type Sign = (file: Blob, info: SignInfo) => Promise<SavedFile>;

export interface Marking {
  /** Drawn into every frame; null leaves it out, undefined is "AI-animated". */
  readonly label?: string | null | undefined;
  /** In the file's metadata. */
  readonly title?: string | undefined;
  readonly watermark?: Watermark | undefined;
  readonly sign?: Sign | undefined;
}

export const MIME_TYPES: Readonly<Record<SaveFormat, string>> = {
  mp4: MARKS.media_types[".mp4"],
  webm: MARKS.media_types[".webm"],
  gif: MARKS.media_types[".gif"],
  png: MARKS.media_types[".png"],
};
