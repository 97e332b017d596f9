/** What is saved can be played, bears the label, and is signed by whoever signs. */

import { ASTRONAUT, expect, startEngine, test } from "./browser";

const PHOTO = ASTRONAUT.toString("base64");

for (const format of ["mp4", "webm", "gif"] as const) {
  test(`a ${format} file shows the whole motion`, async ({ harnessPage }) => {
    await startEngine(harnessPage);
    const supported = await harnessPage.evaluate(async () => [...(await harness.supportedFormats())]);
    test.skip(!supported.includes(format), `this Chromium cannot encode ${format}`);
    const clip = await harnessPage.evaluate(
      async ([photo, format]) => {
        const { engine } = harness;
        if (!engine) throw new Error("no engine");
        await harness.enliven(harness.blobOf(photo), "wink");
        engine.setSize(256);
        const seen: [number, number][] = [];
        const signed: unknown[] = [];
        const sign = async (file: Blob, info: unknown) => {
          signed.push(info);
          return { file, sidecar: null };
        };
        harness.longTasks.length = 0;
        const { file: blob } = await harness.saveClip(engine, {
          format, title: "Wink", sign, onProgress: (done, total) => seen.push([done, total]),
        });
        const longest = Math.max(0, ...harness.longTasks);
        const address = URL.createObjectURL(blob);
        if (format === "gif") {
          const decoder = new ImageDecoder({ data: await blob.arrayBuffer(), type: blob.type });
          await decoder.tracks.ready;
          const { image } = await decoder.decode({ frameIndex: 0 });
          const frames = decoder.tracks.selectedTrack?.frameCount ?? 0;
          return { type: blob.type, width: image.displayWidth, seconds: frames / 25, seen, signed, longest };
        }
        const video = document.createElement("video");
        video.src = address;
        await new Promise((resolve, reject) => {
          video.onloadeddata = resolve;
          video.onerror = () => reject(new Error(video.error?.message));
        });
        return { type: blob.type, width: video.videoWidth, seconds: video.duration, seen, signed, longest };
      },
      [PHOTO, format] as const,
    );
    expect(clip.width).toBe(format === "gif" ? 480 : 512);
    expect(clip.seconds).toBeCloseTo(3.6, 1);
    expect(clip.seen.at(-1)).toEqual([90, 90]);
    expect(clip.signed).toEqual([{ format, label: "AI-animated" }]);
    expect(clip.longest).toBeLessThan(50);
  });
}

test("the label is on by default and can be left out", async ({ harnessPage }) => {
  const [withLabel, without] = await harnessPage.evaluate(async () => {
    const canvas = new OffscreenCanvas(400, 300);
    canvas.getContext("2d")?.fillRect(0, 0, 400, 300);
    const bitmap = await createImageBitmap(canvas);
    const lit = async (label?: null) => {
      const { file } = await harness.saveStill(bitmap, label === null ? { label } : {});
      const pixels = harness.pixelsOf(await createImageBitmap(file));
      return pixels.filter((value, i) => i % 4 === 0 && value > 200).length;
    };
    return [await lit(), await lit(null)];
  });
  expect(withLabel).toBeGreaterThan(100);
  expect(without).toBe(0);
});

test("saving can be stopped, and the portrait goes on", async ({ harnessPage }) => {
  await startEngine(harnessPage);
  const outcome = await harnessPage.evaluate(async (photo) => {
    const { engine } = harness;
    if (!engine) throw new Error("no engine");
    await harness.enliven(harness.blobOf(photo), "wink");
    const stop = new AbortController();
    const saving = harness.saveClip(engine, {
      format: "gif", signal: stop.signal, onProgress: (done) => { if (done === 3) stop.abort(); },
    });
    const name = await saving.then(() => "saved", (error: Error) => error.name);
    harness.frames.length = 0;
    await harness.framesShown(2);
    return name;
  }, PHOTO);
  expect(outcome).toBe("AbortError");
});
