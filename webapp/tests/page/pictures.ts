/** Pictures and clips that the tests hand over, made from the two samples. */

import type { Browser } from "@playwright/test";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { ASTRONAUT, HOPPER } from "./browser";

export interface TestFile {
  readonly name: string;
  readonly mimeType: string;
  readonly buffer: Buffer;
}

const address = (path: string): string => `data:image/jpeg;base64,${readFileSync(path).toString("base64")}`;

/** Both samples side by side. */
export async function twoFaces(browser: Browser): Promise<TestFile> {
  return inPage(browser, "two.jpg", "image/jpeg", async ([first, second]) => {
    const canvas = new OffscreenCanvas(1024, 512);
    const context = canvas.getContext("2d");
    for (const [i, source] of [first, second].entries()) {
      const image = new Image();
      image.src = source ?? "";
      await image.decode();
      context?.drawImage(image, 0, 0, 512, 512, 512 * i, 0, 512, 512);
    }
    const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.95 });
    return [...new Uint8Array(await blob.arrayBuffer())];
  });
}

/** A sky without anybody in it. */
export async function noFace(browser: Browser): Promise<TestFile> {
  return inPage(browser, "sky.png", "image/png", async () => {
    const canvas = new OffscreenCanvas(320, 240);
    const context = canvas.getContext("2d");
    const sky = context?.createLinearGradient(0, 0, 0, 240);
    sky?.addColorStop(0, "#48c");
    sky?.addColorStop(1, "#def");
    if (context !== null && sky !== undefined) {
      context.fillStyle = sky;
      context.fillRect(0, 0, 320, 240);
    }
    const blob = await canvas.convertToBlob({ type: "image/png" });
    return [...new Uint8Array(await blob.arrayBuffer())];
  });
}

/** Two seconds of a sample that sways in front of a camera; without `face` only the wall behind is seen. */
export async function swayingVideo(browser: Browser, face = true): Promise<TestFile> {
  return inPage(browser, "sway.webm", "video/webm", async ([source], shown) => {
    const image = new Image();
    image.src = source ?? "";
    await image.decode();
    const canvas = document.createElement("canvas");
    canvas.width = canvas.height = 384;
    const context = canvas.getContext("2d");
    const recorder = new MediaRecorder(canvas.captureStream(25), { mimeType: "video/webm;codecs=vp8" });
    const parts: Blob[] = [];
    recorder.ondataavailable = ({ data }) => parts.push(data);
    const stopped = new Promise((resolve) => { recorder.onstop = resolve; });
    recorder.start();
    const begin = performance.now();
    for (let t = 0; t < 2; t = (performance.now() - begin) / 1000) {
      const angle = 0.15 * Math.sin(Math.PI * t);
      context?.setTransform(1, 0, 0, 1, 0, 0);
      if (context !== null) context.fillStyle = `rgb(120 ${Math.round(120 + 30 * t)} 120)`;
      context?.fillRect(0, 0, 384, 384);
      context?.translate(192, 192);
      context?.rotate(angle);
      if (shown) context?.drawImage(image, -192, -192, 384, 384);
      await new Promise((resolve) => setTimeout(resolve, 40));
    }
    recorder.stop();
    await stopped;
    return [...new Uint8Array(await new Blob(parts).arrayBuffer())];
  }, face);
}

/** A file for Chromium's fake camera: the sample, over and over. */
export function cameraFile(): string {
  const path = join(mkdtempSync(join(tmpdir(), "vivant-camera-")), "face.mjpeg");
  writeFileSync(path, Buffer.concat(Array.from({ length: 20 }, () => readFileSync(ASTRONAUT))));
  return path;
}

/** A file that is too large to be a photo. */
export function hugeFile(): string {
  const path = join(mkdtempSync(join(tmpdir(), "vivant-huge-")), "huge.jpg");
  writeFileSync(path, Buffer.alloc(60 * 2 ** 20));
  return path;
}

async function inPage(
  browser: Browser,
  name: string,
  mimeType: string,
  make: (samples: string[], flag: boolean) => Promise<number[]>,
  flag = true,
): Promise<TestFile> {
  const page = await browser.newPage();
  try {
    const bytes = await page.evaluate(
      ([source, samples, flag]) => (0, eval)(`(${source})`)(samples, flag) as Promise<number[]>,
      [make.toString(), [address(ASTRONAUT), address(HOPPER)], flag] as const,
    );
    return { name, mimeType, buffer: Buffer.from(bytes) };
  } finally {
    await page.close();
  }
}
