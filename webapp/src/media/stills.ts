/** Pictures of a file as pixels: of a clip some, evenly spread, of a still the one. */

import type { Pixels } from "../engine/types";
import { loadVideo, seek } from "./video";

/** Larger pictures are reduced: who looks for a watermark reduces them further, and memory is dear. */
const LONGEST_SIDE = 1024;

type Source = CanvasImageSource & (VideoFrame | ImageBitmap | HTMLVideoElement);

/** At most `wanted` pictures; none if the browser cannot decode the file. */
export async function stillsOf(file: Blob, mediaType: string, wanted: number): Promise<Pixels[]> {
  try {
    if (mediaType.startsWith("video/")) return await ofVideo(file, wanted);
    if (mediaType === "image/gif" && "ImageDecoder" in globalThis) return await ofAnimation(file, mediaType, wanted);
    const bitmap = await createImageBitmap(file);
    const pixels = pixelsOf(bitmap, bitmap.width, bitmap.height);
    bitmap.close();
    return [pixels];
  } catch {
    return [];
  }
}

async function ofVideo(file: Blob, wanted: number): Promise<Pixels[]> {
  const video = await loadVideo(file);
  try {
    const stills: Pixels[] = [];
    for (let i = 0; i < wanted; i++) {
      await seek(video, (video.duration * (i + 0.5)) / wanted);
      stills.push(pixelsOf(video, video.videoWidth, video.videoHeight));
    }
    return stills;
  } finally {
    URL.revokeObjectURL(video.src);
    video.removeAttribute("src");
  }
}

async function ofAnimation(file: Blob, type: string, wanted: number): Promise<Pixels[]> {
  const decoder = new ImageDecoder({ data: await file.arrayBuffer(), type });
  try {
    await decoder.completed;
    const count = decoder.tracks.selectedTrack?.frameCount ?? 1;
    const stills: Pixels[] = [];
    for (let i = 0; i < Math.min(count, wanted); i++) {
      const { image } = await decoder.decode({ frameIndex: Math.floor((count * (i + 0.5)) / Math.min(count, wanted)) });
      stills.push(pixelsOf(image, image.displayWidth, image.displayHeight));
      image.close();
    }
    return stills;
  } finally {
    decoder.close();
  }
}

function pixelsOf(source: Source, fullWidth: number, fullHeight: number): Pixels {
  const scale = Math.min(1, LONGEST_SIDE / Math.max(fullWidth, fullHeight));
  const [width, height] = [Math.max(1, Math.round(fullWidth * scale)), Math.max(1, Math.round(fullHeight * scale))];
  const context = new OffscreenCanvas(width, height).getContext("2d", { willReadFrequently: true });
  if (context === null) throw new Error("This browser cannot draw in the background.");
  context.imageSmoothingQuality = "high";
  context.drawImage(source, 0, 0, width, height);
  return { pixels: context.getImageData(0, 0, width, height).data as Uint8ClampedArray<ArrayBuffer>, width, height };
}
