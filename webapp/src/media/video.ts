/** A driving video: a file that the page plays beside the portrait, or reads frame by frame for saving. */

import { FrameCopier } from "./frame-copier";
import type { TimedFrame } from "./recording";

export class VideoError extends Error {
  constructor() {
    super("The browser cannot play this video.");
    this.name = "VideoError";
  }
}

/** A silent video element as a driver needs it. */
export function silentVideo(): HTMLVideoElement {
  const video = document.createElement("video");
  video.muted = true;
  video.playsInline = true;
  video.disablePictureInPicture = true;
  return video;
}

/**
 * Loads a video file until its first picture is there. The caller revokes `video.src`.
 * @throws VideoError
 */
export async function loadVideo(file: Blob): Promise<HTMLVideoElement> {
  const video = silentVideo();
  video.preload = "auto";
  const url = URL.createObjectURL(file);
  try {
    await new Promise((resolve, reject) => {
      video.addEventListener("loadeddata", resolve, { once: true });
      video.addEventListener("error", reject, { once: true });
      video.src = url;
    });
    if (video.videoWidth === 0) throw new VideoError();
    await readDuration(video);
    return video;
  } catch {
    URL.revokeObjectURL(url);
    throw new VideoError();
  }
}

/** Files made by a recorder often do not say how long they are; a jump to the end makes the browser find out. */
async function readDuration(video: HTMLVideoElement): Promise<void> {
  if (Number.isFinite(video.duration)) return;
  await seek(video, 1e6);
  await seek(video, 0);
}

/** Shows the picture at a time, in seconds. */
export function seek(video: HTMLVideoElement, seconds: number): Promise<void> {
  return new Promise((resolve, reject) => {
    video.addEventListener("seeked", () => { resolve(); }, { once: true });
    video.addEventListener("error", () => { reject(new VideoError()); }, { once: true });
    video.currentTime = seconds;
  });
}

/** Plays on from where the video is. A pause before it has begun is no failure: it is what was asked for last. */
export async function playOn(video: Pick<HTMLVideoElement, "play">): Promise<void> {
  try {
    await video.play();
  } catch (error) {
    if (!(error instanceof DOMException && error.name === "AbortError")) throw error;
  }
}

/** Times, in seconds, of the frames of a clip: the middle of each, so that rounding never shows a neighbour. */
export function frameTimes(duration: number, fps: number): number[] {
  const count = Math.max(1, Math.round(duration * fps));
  return Array.from({ length: count }, (_, index) => (index + 0.5) / fps);
}

/**
 * Every frame of a video file at an even rate, in order, none left out.
 * @throws VideoError
 */
export async function* readFrames(file: Blob, fps: number): AsyncGenerator<TimedFrame> {
  const video = await loadVideo(file);
  const copier = new FrameCopier(false);
  try {
    for (const [index, time] of frameTimes(video.duration, fps).entries()) {
      await seek(video, Math.min(time, video.duration));
      const frame = copier.copy(video);
      if (frame !== null) yield { frame, time: index / fps };
    }
  } finally {
    URL.revokeObjectURL(video.src);
    video.removeAttribute("src");
  }
}
