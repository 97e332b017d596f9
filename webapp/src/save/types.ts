/** What can be saved, and what a page says about it. */

export type SaveFormat = "mp4" | "webm" | "gif" | "png";

/** What is known of a file when provenance is attached to it. */
export interface SignInfo {
  readonly format: SaveFormat;
  readonly mimeType: string;
  readonly title: string;
}

/** Attaches provenance to a finished file: gets its bytes, returns those that are handed to the visitor. */
export type Sign = (bytes: Uint8Array<ArrayBuffer>, info: SignInfo) => Promise<Uint8Array<ArrayBuffer>>;

export interface Marking {
  /** Drawn into every frame; null leaves it out, undefined is "AI-animated". */
  readonly label?: string | null | undefined;
  /** In the file's metadata. */
  readonly title?: string | undefined;
  readonly sign?: Sign | undefined;
}

export const MIME_TYPES: Readonly<Record<SaveFormat, string>> = {
  mp4: "video/mp4",
  webm: "video/webm",
  gif: "image/gif",
  png: "image/png",
};
