/** Photos, motions, drivers and bad input in the engine. */

import { ASTRONAUT, expect, startEngine, test } from "./browser";

const PHOTO = ASTRONAUT.toString("base64");

test("a photo comes alive, and the page is never held up", async ({ harnessPage }) => {
  await startEngine(harnessPage);
  const result = await harnessPage.evaluate(async (photo) => {
    const { engine } = harness;
    await harness.enliven(harness.blobOf(photo), "idle");
    harness.longTasks.length = 0;
    await harness.framesShown(20);
    return {
      report: engine?.report,
      presets: engine?.presets.map(({ name, seconds }) => ({ name, seconds })),
      times: harness.frames.map(({ time }) => time),
      size: [harness.canvas.width, harness.canvas.height],
      longest: Math.max(0, ...harness.longTasks),
      downloaded: harness.downloads.at(-1),
    };
  }, PHOTO);
  expect(result.report?.chosen).toBe("wasm-threads");
  expect(result.report?.threads).toBeGreaterThan(1);
  expect(result.presets).toContainEqual({ name: "idle", seconds: 6 });
  expect(result.times).toEqual([...result.times].sort((a, b) => a - b));
  expect(result.size).toEqual([512, 512]);
  expect(result.longest).toBeLessThan(50);
  expect(result.downloaded?.loadedBytes).toBe(result.downloaded?.totalBytes);
});

test("pausing stops the frames; gains redraw the paused picture", async ({ harnessPage }) => {
  await startEngine(harnessPage);
  const [paused, redrawn] = await harnessPage.evaluate(async (photo) => {
    const { engine } = harness;
    if (!engine) throw new Error("no engine");
    await harness.enliven(harness.blobOf(photo), "nod");
    await harness.framesShown(3);
    engine.pause();
    await new Promise((resolve) => setTimeout(resolve, 800));
    const before = harness.frames.length;
    await new Promise((resolve) => setTimeout(resolve, 800));
    const paused = harness.frames.length - before;
    engine.setGains({ pose: 0, expression: 0, eyes: 0, lips: 0, gaze: 0 });
    await harness.framesShown(before + 1);
    return [paused, harness.frames.length - before];
  }, PHOTO);
  expect(paused).toBe(0);
  expect(redrawn).toBe(1);
});

test("with all gains 0 the picture is the photo's own", async ({ harnessPage }) => {
  await startEngine(harnessPage);
  const equal = await harnessPage.evaluate(async (photo) => {
    const { engine } = harness;
    if (!engine) throw new Error("no engine");
    const blob = harness.blobOf(photo);
    await harness.enliven(blob, "laugh");
    engine.setGains({ pose: 0, expression: 0, eyes: 0, lips: 0, gaze: 0 });
    const own = harness.pixelsOf(await createImageBitmap(blob));
    for await (const { bitmap } of engine.renderAll({ loops: 1 })) {
      const got = harness.pixelsOf(bitmap);
      return got.filter((value, i) => Math.abs(value - (own[i] ?? 0)) <= 2).length / got.length;
    }
    return 0;
  }, PHOTO);
  expect(equal).toBeGreaterThan(0.97);
});

for (const [name, code, make] of [
  ["a text", "not-an-image", () => new Blob(["not a picture"])],
  ["an empty file", "not-an-image", () => new Blob([])],
  ["a file of 60 MB", "image-too-large", () => new Blob([new Uint8Array(60 * 2 ** 20)])],
  ["a picture of 60 megapixels", "image-too-large", () => {
    const header = new DataView(new ArrayBuffer(64));
    [0x89504e47, 0x0d0a1a0a, 13, 0x49484452, 10000, 6000].forEach((word, i) => header.setUint32(4 * i, word));
    return new Blob([header]);
  }],
  ["a picture without a face", "no-face", () => {
    const canvas = new OffscreenCanvas(300, 200);
    const context = canvas.getContext("2d");
    context?.fillRect(40, 60, 90, 30);
    return canvas.convertToBlob();
  }],
] as const) {
  test(`${name} is refused as ${code}, and the engine goes on`, async ({ harnessPage }) => {
    await startEngine(harnessPage, "wasm");
    const got = await harnessPage.evaluate(
      async ([photo, source]) => {
        const file = await (new Function(`return (${source})()`) as () => Promise<Blob>)();
        const code = await harness.codeOf(harness.engine?.openPhoto(file) ?? Promise.resolve());
        return [code, await harness.codeOf(harness.engine?.openPhoto(harness.blobOf(photo)) ?? Promise.resolve())];
      },
      [PHOTO, make.toString()] as const,
    );
    expect(got).toEqual([code, "none"]);
  });
}

test("a missing model is reported as a failed download", async ({ harnessPage }) => {
  await harnessPage.route("**/render*.onnx", (route) => route.fulfill({ status: 404 }));
  expect(await harnessPage.evaluate(() => harness.codeOf(harness.start("wasm")))).toBe("download-failed");
});

test("a model that was tampered with is not used", async ({ harnessPage }) => {
  await harnessPage.route("**/head.onnx", async (route) => {
    const body = await (await route.fetch()).body();
    body[100] = (body[100] ?? 0) ^ 1;
    await route.fulfill({ body });
  });
  expect(await harnessPage.evaluate(() => harness.codeOf(harness.start("wasm")))).toBe("bundle-broken");
});

test("a driver moves the portrait; of frames that come too early only the newest waits", async ({ harnessPage }) => {
  await startEngine(harnessPage);
  const result = await harnessPage.evaluate(async (photo) => {
    const { engine } = harness;
    if (!engine) throw new Error("no engine");
    const blob = harness.blobOf(photo);
    await harness.enliven(blob, "idle");
    await engine.setMotion({ kind: "driver" });
    engine.play();
    const picture = await createImageBitmap(blob);
    const shifted = async (x: number) => {
      const canvas = new OffscreenCanvas(picture.width, picture.height);
      canvas.getContext("2d")?.drawImage(picture, x, 0);
      return canvas.transferToImageBitmap();
    };
    const start = 100; // no frame of the motion before has such a time
    const times = () => harness.frames.map(({ time }) => time - start).filter((time) => time >= 0);
    const seen = [];
    for (let i = 0; i < 4; i++) {
      seen.push(await engine.drive(await shifted(8 * i), start + i));
      await harness.until(() => times().length > i); // or a slow page would have the next one dropped
    }
    const bitmaps = [await shifted(40), await shifted(48), await shifted(56)];
    const dropped = await Promise.all(bitmaps.map((bitmap, i) => engine.drive(bitmap, start + 4 + i)));
    const empty = new OffscreenCanvas(320, 240);
    empty.getContext("2d");
    const blank = await engine.drive(empty.transferToImageBitmap(), start + 7);
    await harness.until(() => times().length > 5); // a frame may be followed before the one before it is shown
    return { seen, dropped, blank, times: times() };
  }, PHOTO);
  expect(result.seen).toEqual([true, true, true, true]);
  expect(result.dropped).toEqual([true, null, true]); // the newest is taken next
  expect(result.blank).toBe(false);
  expect(result.times).toEqual([0, 1, 2, 3, 4, 6]);
});

test("another backend takes over with the same photo and motion", async ({ harnessPage }) => {
  await startEngine(harnessPage);
  const report = await harnessPage.evaluate(async (photo) => {
    await harness.enliven(harness.blobOf(photo), "idle");
    const report = await harness.engine?.setBackend("wasm");
    harness.frames.length = 0;
    await harness.framesShown(2);
    return report;
  }, PHOTO);
  expect(report).toMatchObject({ chosen: "wasm", threads: 1 });
});
