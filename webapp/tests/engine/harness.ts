/** The bare page of the engine's tests and of the benchmark: puts the engine where a test can reach it. */

import { Credentials, type Making, signerOf } from "../../src/credentials";
import { type Backend, createEngine, type Engine, type EngineError, type Frame, type Statistics } from "../../src/engine";
import { registerServiceWorker } from "../../src/offline";
import { saveClip, saveStill, supportedFormats } from "../../src/save";
import { loadRuntime } from "../../src/worker/runtime";
import { logPlacement } from "./placement";

const frames: { time: number; renderMs: number; at: number }[] = [];
const statistics: Statistics[] = [];
const downloads: { loadedBytes: number; totalBytes: number; fromCache: boolean }[] = [];
const recoveries: string[] = [];
const errors: string[] = [];
const longTasks: number[] = [];
const canvas = document.querySelector("canvas") as HTMLCanvasElement;
new PerformanceObserver((list) => longTasks.push(...list.getEntries().map((entry) => entry.duration))).observe({
  type: "longtask",
  buffered: true,
});

/** Shows a frame as the page does. */
function show({ bitmap, time, renderMs }: Frame): void {
  canvas.width = bitmap.width;
  canvas.height = bitmap.height;
  canvas.getContext("bitmaprenderer")?.transferFromImageBitmap(bitmap);
  frames.push({ time, renderMs, at: performance.now() });
}

/** Starts an engine as `harness.engine`. */
async function start(backend?: Backend): Promise<Engine> {
  harness.engine = await createEngine({
    bundle: "../../bundle/",
    runtime: "../../ort/",
    backend,
    onFrame: show,
    onDownload: (progress) => downloads.push(progress),
    onStatistics: (some) => statistics.push(some),
    onRecovered: (report) => recoveries.push(report.chosen),
    onError: (error) => errors.push(error.code),
  });
  return harness.engine;
}

/** The code with which something fails; "none" if it does not. */
async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return "none";
  } catch (error) {
    return (error as EngineError).code ?? String(error);
  }
}

function blobOf(base64: string, type = ""): Blob {
  return new Blob([Uint8Array.from(atob(base64), (char) => char.charCodeAt(0))], { type });
}

/** Opens a photo, chooses its first face and waits for the first frame; milliseconds from the photo to that frame. */
async function enliven(photo: Blob, preset: string): Promise<number> {
  const engine = harness.engine as Engine;
  const begun = performance.now();
  await engine.setMotion({ kind: "preset", name: preset });
  engine.play();
  frames.length = 0;
  const { faces } = await engine.openPhoto(photo);
  await engine.chooseFaces([faces[0]?.id ?? 0]);
  await framesShown(1);
  return (frames[0]?.at ?? Infinity) - begun;
}

const PATIENCE_MS = 60_000;

/** Once `true` holds. Throws where it never does, with what the engine said. */
async function until(holds: () => boolean): Promise<void> {
  const begun = performance.now();
  while (!holds()) {
    if (performance.now() - begun > PATIENCE_MS) {
      const seen = frames.slice(-8).map(({ time }) => time);
      throw new Error(`waited in vain for ${holds}; last frames: ${seen}; errors: ${errors}; ${JSON.stringify(statistics.at(-1))}`);
    }
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

function framesShown(count: number): Promise<void> {
  return until(() => frames.length >= count);
}

/** A picture's pixels, R G B A. */
function pixelsOf(picture: ImageBitmap | HTMLCanvasElement): Uint8ClampedArray {
  const context = new OffscreenCanvas(picture.width, picture.height).getContext("2d");
  if (!context) throw new Error("no context");
  context.drawImage(picture, 0, 0);
  return context.getImageData(0, 0, picture.width, picture.height).data;
}

/** By how much pixels differ at worst, and the share of them that differ by no more than one grey level. */
async function likeness(got: Uint8ClampedArray, base64: string): Promise<{ worst: number; equalShare: number }> {
  const expected = pixelsOf(await createImageBitmap(blobOf(base64)));
  let [worst, equal] = [0, 0];
  for (let i = 0; i < got.length; i += 4) {
    const difference = Math.max(...[0, 1, 2].map((c) => Math.abs((got[i + c] ?? 0) - (expected[i + c] ?? 0))));
    worst = Math.max(worst, difference);
    if (difference <= 1) equal += 1;
  }
  return { worst, equalShare: equal / (got.length / 4) };
}

/** How much the frame that is shown now is like a picture. */
function compareShown(picture: string): ReturnType<typeof likeness> {
  return likeness(pixelsOf(canvas), picture);
}

/** The first frame of the motion that is set, as a file has it. */
async function firstFrame(): Promise<{ pixels: Uint8ClampedArray; width: number }> {
  for await (const { bitmap } of (harness.engine as Engine).renderAll({ loops: 1 })) {
    return { pixels: pixelsOf(bitmap), width: bitmap.width };
  }
  throw new Error("The motion has no frame.");
}

type Shot = Awaited<ReturnType<typeof firstFrame>>;

/** How many pixels of two pictures differ by more than one grey level, within boxes (x0, y0, x1, y1) and outside of them. */
function differing(
  a: Shot,
  b: Shot,
  boxes: readonly (readonly [number, number, number, number])[],
): { within: number; outside: number } {
  const count = { within: 0, outside: 0 };
  for (let i = 0; i < a.pixels.length; i += 4) {
    if ([0, 1, 2].every((c) => Math.abs((a.pixels[i + c] ?? 0) - (b.pixels[i + c] ?? 0)) <= 1)) continue;
    const [x, y] = [(i / 4) % a.width, Math.floor(i / 4 / a.width)];
    count[boxes.some(([x0, y0, x1, y1]) => x >= x0 && x <= x1 && y >= y0 && y <= y1) ? "within" : "outside"] += 1;
  }
  return count;
}

/** Lets the camera drive the portrait for so many seconds; frames shown a second. */
async function mimic(seconds: number): Promise<number> {
  const engine = harness.engine as Engine;
  const video = document.createElement("video");
  video.srcObject = await navigator.mediaDevices.getUserMedia({ video: true });
  await video.play();
  await engine.setMotion({ kind: "driver" });
  engine.play();
  let running = true;
  const take = () => {
    if (!running) return;
    video.requestVideoFrameCallback(take);
    void engine.drive(new VideoFrame(video), video.currentTime);
  };
  video.requestVideoFrameCallback(take);
  const shown = frames.length;
  await framesShown(shown + 3);
  const shownFrames = await shownFor(seconds);
  running = false;
  return rate(shownFrames.map(({ at }) => at / 1000));
}

/** The frames that are shown from now on for so many seconds. */
async function shownFor(seconds: number): Promise<typeof frames> {
  const first = frames.length - 1;
  await new Promise((resolve) => setTimeout(resolve, 1000 * seconds));
  return frames.slice(first);
}

/** Of moments in seconds: how many there are a second, from the first to the last. */
function rate(moments: readonly number[]): number {
  return (moments.length - 1) / ((moments.at(-1) ?? 0) - (moments[0] ?? 0));
}

/** Lets a preset play for so many seconds at a size; frames shown a second of its own clock: of 25 that it has. */
async function playFor(seconds: number, size: 256 | 512): Promise<number> {
  harness.engine?.setSize(size);
  await framesShown(frames.length + 3);
  return rate((await shownFor(seconds)).map(({ time }) => time));
}

/** Renders for a file up to the last of the wanted frames, and compares those with pictures of them. */
async function compare(wanted: Record<number, string>): Promise<{ index: number; worst: number; equalShare: number }[]> {
  const engine = harness.engine as Engine;
  const results: { index: number; worst: number; equalShare: number }[] = [];
  const last = Math.max(...Object.keys(wanted).map(Number));
  let index = 0;
  for await (const { bitmap } of engine.renderAll({ loops: 1 })) {
    const picture = wanted[index];
    if (picture) results.push({ index, ...(await likeness(pixelsOf(bitmap), picture)) });
    bitmap.close();
    if (index++ === last) break;
  }
  return results;
}

const credentials = new Credentials();
const harness = {
  engine: null as Engine | null,
  blobOf, canvas, codeOf, compare, compareShown, createEngine, credentials, differing, downloads, enliven, errors, firstFrame, frames, framesShown, loadRuntime, logPlacement,
  longTasks, mimic, pixelsOf, playFor, recoveries, registerServiceWorker, saveClip, saveStill, start,
  signerOf: (making: Making) => signerOf(credentials, making),
  statistics, supportedFormats, until,
};
export type Harness = typeof harness;
Object.assign(globalThis, { harness });
