/** Small parts that need no browser. */

import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { fit } from "../../src/save/writer";
import { distinct, overlap } from "../../src/worker/faces";
import { crossFaded, thumbnailOf } from "../../src/worker/follower";
import { Pacing, sizeLadder } from "../../src/worker/pacing";
import { pictureSize } from "../../src/worker/picture-size";
import { candidates } from "../../src/worker/runtime";
import { Stopwatch } from "../../src/worker/stopwatch";

const SAMPLES = resolve(import.meta.dirname, "../../../models/samples");

describe("faces", () => {
  test("are the same where their boxes overlap enough; the first is kept", () => {
    expect(overlap([0, 0, 2, 2], [1, 0, 3, 2])).toBeCloseTo(1 / 3);
    expect(overlap([0, 0, 1, 1], [2, 2, 3, 3])).toBe(0);
    expect(overlap([0, 0, 0, 0], [0, 0, 0, 0])).toBe(0);
    const [a, b, c] = [[0, 0, 2, 2], [0, 0, 2, 1.9], [5, 5, 6, 6]].map((box, id) => ({ id, box: box as never }));
    expect(distinct([a!, b!, c!], 0.3).map(({ id }) => id)).toEqual([0, 2]);
  });
});

describe("the size of the rendered square", () => {
  const ladder = sizeLadder(256, 1024);

  test("comes from a ladder up to the photo's own size", () => {
    expect(ladder).toEqual([256, 384, 512, 768, 1024]);
    expect(sizeLadder(256, 700)).toEqual([256, 384, 512, 700]);
    expect(sizeLadder(256, 246)).toEqual([246]);
  });

  /** Renders for so many frames at a cost that depends on the size. */
  function play(pacing: Pacing, frames: number, cost: (size: number) => number, start = 0): number {
    for (let i = 0; i < frames; i++) pacing.took(cost(pacing.size), start + 40 * i);
    return pacing.size;
  }

  test("grows as long as the rate is held", () => {
    expect(play(new Pacing(ladder), 300, () => 5)).toBe(1024);
    expect(play(new Pacing(ladder), 300, (size) => size / 16)).toBe(512);
  });

  test("shrinks when it is not, and does not come back at once", () => {
    const pacing = new Pacing(ladder);
    play(pacing, 300, () => 5);
    expect(play(pacing, 10, () => 60)).toBe(768);
    expect(play(pacing, 100, () => 5, 400)).toBe(768);
    expect(play(pacing, 100, () => 5, 60_000)).toBe(1024);
  });

  test("never leaves the ladder", () => {
    expect(play(new Pacing(ladder), 100, () => 500)).toBe(256);
  });
});

describe("a picture's stated size", () => {
  test.each([["astronaut.jpg", 512, 512]])("is read from %s", (name, width, height) => {
    expect(pictureSize(readFileSync(join(SAMPLES, name)))).toEqual({ width, height });
  });

  test("is read from PNG, GIF and WebP", () => {
    const bytes = (...values: number[]) => Uint8Array.from(values);
    const text = (chars: string) => [...chars].map((char) => char.charCodeAt(0));
    expect(pictureSize(bytes(0x89, ...text("PNG\r\n"), 26, 10, 0, 0, 0, 13, ...text("IHDR"), 0, 0, 1, 2, 0, 0, 0, 3))).toEqual({ width: 258, height: 3 });
    expect(pictureSize(bytes(...text("GIF89a"), 4, 1, 5, 0))).toEqual({ width: 260, height: 5 });
    const riff = [...text("RIFF"), 0, 0, 0, 0, ...text("WEBP")];
    expect(pictureSize(bytes(...riff, ...text("VP8X"), 10, 0, 0, 0, 0, 0, 0, 0, 99, 0, 0, 49, 1, 0))).toEqual({ width: 100, height: 306 });
  });

  test("is unknown of anything else", () => {
    expect(pictureSize(new Uint8Array())).toBeNull();
    expect(pictureSize(new TextEncoder().encode("just some text that is no picture"))).toBeNull();
    expect(pictureSize(Uint8Array.of(0xff, 0xd8, 0xff))).toBeNull();
  });
});

describe("backends", () => {
  const laptop = { webgpu: true, fastGpu: true, threads: 4 };
  const software = { webgpu: true, fastGpu: false, threads: 2 };
  const plain = { webgpu: false, fastGpu: false, threads: 1 };

  test("are tried by what the browser can do", () => {
    expect(candidates(laptop, undefined)).toEqual(["webgpu", "wasm-threads"]);
    expect(candidates(software, undefined)).toEqual(["wasm-threads"]);
    expect(candidates(plain, undefined)).toEqual(["wasm"]);
  });

  test("can be chosen, as far as they exist", () => {
    expect(candidates(software, "webgpu")).toEqual(["webgpu"]);
    expect(candidates(laptop, "wasm")).toEqual(["wasm"]);
    expect(candidates(plain, "webgpu")).toEqual(["wasm"]);
    expect(candidates(plain, "wasm-threads")).toEqual(["wasm"]);
  });
});

test("a clip that becomes a loop ends where it begins", () => {
  const clip = Array.from({ length: 10 }, (_, i) => Float32Array.of(i));
  const loop = crossFaded(clip, 4).map(([value = NaN]) => value);
  expect(loop).toHaveLength(6);
  expect(loop[0]).toBeGreaterThan(5); // close to what followed frame 5
  expect(loop[0]).toBeLessThan(6);
  expect(loop.slice(4)).toEqual([4, 5]);
});

test("a thumbnail takes pixels from edge to edge", () => {
  const pixels = Uint8Array.from({ length: 5 * 4 * 3 }, (_, i) => i);
  const thumbnail = thumbnailOf({ pixels, width: 5, height: 4, channels: 3 }, 2);
  expect([...thumbnail]).toEqual([0, 1, 2, 12, 13, 14, 45, 46, 47, 57, 58, 59]);
});

test("a saved picture keeps its shape", () => {
  expect(fit(1000, 500, 480)).toEqual({ width: 480, height: 240 });
  expect(fit(100, 50, 480)).toEqual({ width: 100, height: 50 });
});

test("a stopwatch gives means and begins anew", async () => {
  const watch = new Stopwatch();
  watch.add("a", 2);
  watch.add("a", 4);
  expect(watch.take()).toEqual({ a: 3 });
  expect(watch.take()).toEqual({});
});
