/** Takes a clip's frames one by one and becomes a file. */

export interface ClipWriter {
  /** The canvas shows the frame now. */
  add(time: number, duration: number): Promise<void>;
  finish(): Promise<Uint8Array<ArrayBuffer>>;
  cancel(): Promise<void>;
}

/** Largest width and height that a frame of `width` × `height` takes within `maxSide`; video wants even numbers. */
export function fit(width: number, height: number, maxSide: number): { width: number; height: number } {
  const scale = Math.min(1, maxSide / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * scale)), height: Math.max(1, Math.round(height * scale)) };
}
