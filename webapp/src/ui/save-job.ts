import type { Studio } from "./studio";

export type Format = "mp4" | "webm" | "gif" | "png";
export const FORMATS: readonly Format[] = ["mp4", "webm", "gif", "png"];

export interface SaveOptions {
  readonly format: Format;
  readonly loops: number;
  readonly seamless: boolean;
  readonly label: boolean;
  readonly signal: AbortSignal;
  readonly onProgress: (done: number, total: number) => void;
}

export async function supportedFormats(): Promise<ReadonlySet<Format>> {
  return new Set<Format>(FORMATS);
}

export async function saveClip(studio: Studio, options: SaveOptions): Promise<Blob> {
  void studio; void options;
  throw new Error("later");
}
