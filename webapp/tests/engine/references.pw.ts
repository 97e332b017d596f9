/** Another photo of the person lends the portrait its teeth, and the browser's frames are those of `vivant animate --also`. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { ASTRONAUT, expect, nativeReference, REPOSITORY, SOFTWARE_GPU, startEngine, test } from "./browser";

/** Its first frame has a wide open mouth. */
const PRESET = "speaker-expressive";
const SAMPLES = join(REPOSITORY, "models/samples");
/** Of the same person: one with her lips pressed together, one with an open smile. */
const PHOTOS = ["--photo", join(SAMPLES, "astronaut.jpg"), "--shut", "--also", join(SAMPLES, "astronaut.jpg")];
const HOPPER = readFileSync(join(SAMPLES, "grace_hopper.jpg")).toString("base64");
const OPEN = ASTRONAUT.toString("base64");

type Box = readonly [number, number, number, number];

/** The part of the face that is painted when lips move. */
function around([x0, y0, x1, y1]: Box): Box {
  const room = (x1 - x0) / 2;
  return [x0 - room, y0 - room, x1 + room, y1 + room];
}

/** What Python makes of the two. */
function reference(precision: "fp32" | "int8") {
  const folder = nativeReference(...PHOTOS, "--preset", PRESET, "--frames", "0", "--precision", precision);
  test.skip(folder === null, "there is no Python environment to render the reference (make it with `make test`)");
  const picture = (name: string) => readFileSync(join(folder ?? "", name)).toString("base64");
  const { mouths } = JSON.parse(readFileSync(join(folder ?? "", "reference.json"), "utf8"));
  return {
    photo: picture("photo.png"),
    other: picture("other.png"),
    frame: picture("frame-000.png"),
    lips: mouths[0] as Box,
    mouth: around(mouths[0] as Box),
  };
}

test("an opened mouth shows another photo's teeth, as in Python, until that photo is removed", async ({ harnessPage }) => {
  await startEngine(harnessPage);
  const result = await harnessPage.evaluate(
    async ([preset, { photo, other, frame, lips, mouth }]) => {
      const { engine } = harness;
      if (!engine) throw new Error("no engine");
      await harness.enliven(harness.blobOf(photo), preset);
      const alone = await harness.firstFrame();
      const added = await engine.addPhoto(harness.blobOf(other));
      const lent = await harness.firstFrame();
      const [compared] = await harness.compare({ 0: frame });
      const own = await engine.addPhoto(harness.blobOf(photo)); // shows less: changes nothing
      const still = await harness.firstFrame();
      const [left] = [await engine.removePhoto(added.id), await engine.removePhoto(own.id)];
      const back = await harness.firstFrame();
      return {
        added, own, left,
        equalShare: compared?.equalShare,
        changed: harness.differing(alone, lent, lips).within,
        elsewhere: harness.differing(alone, lent, mouth).outside,
        changedByWorse: harness.differing(lent, still, mouth),
        changedInTheEnd: harness.differing(alone, back, mouth),
      };
    },
    [PRESET, reference("int8")] as const,
  );
  const { added, own, left } = result;
  expect(added).toMatchObject({ lender: added.id, helps: true, width: 512, height: 512 });
  expect(own).toMatchObject({ lender: added.id, helps: true });
  expect(left).toEqual({ lender: own.id, helps: false });
  expect(result.equalShare).toBeGreaterThanOrEqual(0.999);
  expect(result.changed).toBeGreaterThan(100);
  expect(result.elsewhere).toBe(0);
  expect(result.changedByWorse).toEqual({ within: 0, outside: 0 });
  expect(result.changedInTheEnd).toEqual({ within: 0, outside: 0 });
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

test.describe("on a GPU", () => {
  test.use({ args: SOFTWARE_GPU });
  test.setTimeout(600_000); // a GPU made of software

  test("lent teeth are those of native ONNX Runtime, and survive the loss of the GPU", async ({ harnessPage }) => {
    await startEngine(harnessPage, "webgpu");
    const { photo, other, frame } = reference("fp32");
    await harnessPage.evaluate(
      async ([preset, photo, other]) => {
        const { engine } = harness;
        if (!engine) throw new Error("no engine");
        engine.setSize(1024); // as large for files: nothing is encoded anew for them
        await harness.enliven(harness.blobOf(photo), preset);
        engine.pause();
        await engine.addPhoto(harness.blobOf(other));
        await (engine as unknown as { loseDevice(): Promise<null> }).loseDevice();
      },
      [PRESET, photo, other] as const,
    );
    await harnessPage.waitForFunction(() => harness.recoveries.length > 0, null, { timeout: 300_000 });
    const after = await harnessPage.evaluate(async (frame) => {
      const results = await harness.compare({ 0: frame });
      return { equalShare: results[0]?.equalShare, recoveries: harness.recoveries, errors: harness.errors };
    }, frame);
    expect(after).toMatchObject({ recoveries: ["webgpu"], errors: [] });
    expect(after.equalShare).toBeGreaterThanOrEqual(0.999);
  });
});
