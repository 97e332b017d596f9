/** Other photos of the person lend the portrait mouth and eyes, and the browser's frames are those of `vivant animate --also`. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ASTRONAUT, expect, REPOSITORY, startEngine, test } from "./browser";
import { around, PRESET, severalPhotos } from "./several-photos";

const HOPPER = readFileSync(join(REPOSITORY, "models/samples/grace_hopper.jpg")).toString("base64");
const OPEN = ASTRONAUT.toString("base64");

test("mouth and eyes are those of several photos, as in Python, at every size and on every backend", async ({ harnessPage }) => {
  await startEngine(harnessPage);
  const { photo, others, frame, mouth, eyes } = severalPhotos("auto", "--scale", "1.5"); // so large that there are smaller sizes
  const result = await harnessPage.evaluate(
    async ([preset, photo, [smile, other], frame, mouth, eyes, parts]) => {
      const { engine } = harness;
      if (!engine) throw new Error("no engine");
      await harness.enliven(harness.blobOf(photo), preset);
      engine.pause(); // or the change of the backend would cut off what it is told after each file
      const alone = await harness.firstFrame();
      const one = await engine.addPhoto(harness.blobOf(smile ?? ""));
      const ofTwo = await harness.firstFrame();
      const two = await engine.addPhoto(harness.blobOf(other ?? ""));
      const ofThree = await harness.firstFrame();
      const [compared] = await harness.compare({ 0: frame });
      engine.setSize(256);
      const small = await harness.firstFrame();
      engine.setSize("auto");
      const largeAgain = await harness.firstFrame();
      await engine.setBackend("wasm");
      const elsewhere = await harness.firstFrame();
      await engine.removePhoto(one.id);
      const ofLast = await harness.firstFrame();
      const third = await engine.addPhoto(harness.blobOf(smile ?? ""));
      await engine.removePhoto(two.id);
      const ofTwoAgain = await harness.firstFrame();
      await engine.removePhoto(third.id);
      const aloneAgain = await harness.firstFrame();
      const { differing } = harness;
      return {
        one, two,
        equalShare: compared?.equalShare,
        inMouth: differing(alone, ofTwo, [mouth]).within,
        inEyes: differing(alone, ofTwo, eyes).within,
        byAnother: differing(ofTwo, ofThree, parts).within,
        outside: differing(alone, ofThree, parts).outside,
        resized: differing(ofThree, small, parts).within,
        // None of these may differ.
        same: [[ofThree, largeAgain], [ofThree, elsewhere], [ofTwo, ofTwoAgain], [alone, aloneAgain]].map(([a, b]) =>
          a && b ? differing(a, b, []) : null,
        ),
        withoutFirst: differing(ofThree, ofLast, parts).within,
        errors: harness.errors,
      };
    },
    [PRESET, photo, others, frame, mouth, eyes, around([mouth, ...eyes])] as const,
  );
  expect(result.one).toMatchObject({ width: 512, height: 512 });
  expect(result.equalShare).toBeGreaterThanOrEqual(0.999);
  expect(result.inMouth).toBeGreaterThan(400);
  expect(result.inEyes).toBeGreaterThan(60);
  expect(result.byAnother).toBeGreaterThan(100);
  expect(result.outside).toBe(0);
  expect(result.resized).toBeGreaterThan(100);
  expect(result.withoutFirst).toBeGreaterThan(0);
  expect(result.same).toEqual(Array.from({ length: 4 }, () => ({ within: 0, outside: 0 })));
  expect(result.errors).toEqual([]);
});

test("the portrait moves on while photos are examined; a paused one is drawn anew", async ({ harnessPage }) => {
  await startEngine(harnessPage);
  const result = await harnessPage.evaluate(
    async ([preset, photo, other]) => {
      const { engine } = harness;
      if (!engine) throw new Error("no engine");
      await harness.enliven(harness.blobOf(photo), preset);
      await harness.framesShown(10);
      const before = harness.frames.length;
      const blob = harness.blobOf(other);
      const added = await Promise.all(Array.from({ length: 4 }, () => engine.addPhoto(blob)));
      const meanwhile = harness.frames.length - before;
      engine.pause();
      await new Promise((resolve) => setTimeout(resolve, 500));
      const paused = harness.frames.length;
      for (const { id } of added) await engine.removePhoto(id);
      await harness.framesShown(paused + 1);
      return { meanwhile, errors: harness.errors };
    },
    [PRESET, HOPPER, OPEN] as const,
  );
  expect(result.meanwhile).toBeGreaterThanOrEqual(4);
  expect(result.errors).toEqual([]);
});

test("photos that cannot be used are refused, and the engine goes on", async ({ harnessPage }) => {
  await startEngine(harnessPage, "wasm");
  const codes = await harnessPage.evaluate(
    async ([preset, photo, other]) => {
      const { engine } = harness;
      if (!engine) throw new Error("no engine");
      const blob = harness.blobOf(other);
      const refused = [await harness.codeOf(engine.addPhoto(blob))]; // there is no portrait yet
      await harness.enliven(harness.blobOf(photo), preset);
      refused.push(await harness.codeOf(engine.addPhoto(new Blob(["not a picture"]))));
      refused.push(await harness.codeOf(engine.addPhoto(await new OffscreenCanvas(300, 200).convertToBlob().catch(() => new Blob()))));
      const wall = new OffscreenCanvas(300, 200);
      wall.getContext("2d")?.fillRect(40, 60, 90, 30);
      refused.push(await harness.codeOf(engine.addPhoto(await wall.convertToBlob())));
      const pair = new OffscreenCanvas(1024, 512);
      for (const [i, one] of [harness.blobOf(photo), blob].entries()) {
        pair.getContext("2d")?.drawImage(await createImageBitmap(one), 0, 0, 512, 512, 512 * i, 0, 512, 512);
      }
      const { faces } = await engine.openPhoto(await pair.convertToBlob());
      await engine.chooseFaces(faces.map(({ id }) => id));
      refused.push(await harness.codeOf(engine.addPhoto(blob)));
      await engine.chooseFaces([faces[0]?.id ?? 0]);
      refused.push(await harness.codeOf(engine.addPhoto(blob)));
      return refused;
    },
    [PRESET, HOPPER, OPEN] as const,
  );
  expect(codes).toEqual(["several-faces", "not-an-image", "not-an-image", "no-face", "several-faces", "none"]);
});

test("the graph for other photos is fetched when the first one comes", async ({ harnessPage }) => {
  const asked: string[] = [];
  harnessPage.on("request", (request) => asked.push(request.url()));
  await harnessPage.context().route("**/refer.onnx", (route) => route.fulfill({ status: 404 }));
  await startEngine(harnessPage, "wasm");
  const code = await harnessPage.evaluate(
    async ([preset, photo, other]) => {
      await harness.enliven(harness.blobOf(photo), preset);
      return harness.codeOf(harness.engine?.addPhoto(harness.blobOf(other)) ?? Promise.resolve());
    },
    [PRESET, HOPPER, OPEN] as const,
  );
  expect(code).toBe("download-failed");
});
