/** Pixels on the longest side of a driver's frame: plenty for a tracker, and cheap to hand to another thread. */
const LONGEST_SIDE = 640;

/** The size in which a driver's frame is handed on: never larger than it is, its shape kept. */
export function reducedSize(width: number, height: number): { readonly width: number; readonly height: number } {
  const factor = Math.min(1, LONGEST_SIDE / Math.max(width, height));
  return { width: Math.max(1, Math.round(width * factor)), height: Math.max(1, Math.round(height * factor)) };
}

/** Copies frames of a video element, reduced and if wanted mirrored. */
export class FrameCopier {
  readonly #canvas = new OffscreenCanvas(1, 1);
  readonly #mirrored: boolean;

  constructor(mirrored: boolean) {
    this.#mirrored = mirrored;
  }

  /** The frame that the video shows now; null if the canvas is not available. */
  copy(video: HTMLVideoElement): ImageBitmap | null {
    const { width, height } = reducedSize(video.videoWidth, video.videoHeight);
    const canvas = this.#canvas;
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    const context = canvas.getContext("2d", { alpha: false });
    if (context === null) return null;
    if (this.#mirrored) context.setTransform(-1, 0, 0, 1, width, 0);
    else context.resetTransform();
    context.drawImage(video, 0, 0, width, height);
    return canvas.transferToImageBitmap();
  }
}
