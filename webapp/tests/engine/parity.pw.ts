/** The browser's frames are those of `vivant animate`, on the CPU and on a GPU; a lost GPU costs nothing but time. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, nativeReference, SOFTWARE_GPU, startEngine, test } from "./browser";

const FRAMES = [0, 20, 40];
let reference: string | null = null;

test.beforeAll(() => {
  reference = nativeReference("--frames", FRAMES.join());
});
test.beforeEach(() => {
  test.skip(reference === null, "there is no Python environment to render the reference (make it with `make test`)");
});

function picture(name: string): string {
  return readFileSync(join(reference ?? "", name)).toString("base64");
}
const frame = (i: number) => picture(`frame-${String(i).padStart(3, "0")}.png`);

test("WebAssembly renders what native ONNX Runtime renders", async ({ harnessPage }) => {
  await startEngine(harnessPage);
  const results = await harnessPage.evaluate(
    async ([photo, wanted]) => {
      await harness.enliven(harness.blobOf(photo), "talk");
      return harness.compare(wanted);
    },
    [picture("photo.png"), Object.fromEntries(FRAMES.map((i) => [i, frame(i)]))] as const,
  );
  expect(results).toHaveLength(FRAMES.length);
  for (const { equalShare } of results) expect(equalShare).toBeGreaterThanOrEqual(0.999);
});

test.describe("on a GPU", () => {
  test.use({ args: SOFTWARE_GPU });
  test.setTimeout(600_000); // a GPU made of software

  test("WebGPU renders what native ONNX Runtime renders", async ({ harnessPage }) => {
    await startEngine(harnessPage, "webgpu");
    const { results, chosen } = await harnessPage.evaluate(
      async ([photo, first]) => {
        await harness.enliven(harness.blobOf(photo), "talk");
        return { results: await harness.compare({ 0: first }), chosen: harness.engine?.report.chosen };
      },
      [picture("photo.png"), frame(0)] as const,
    );
    expect(chosen).toBe("webgpu");
    expect(results[0]?.equalShare).toBeGreaterThanOrEqual(0.999);
  });

  test("the photo survives the loss of the GPU", async ({ harnessPage }) => {
    await startEngine(harnessPage, "webgpu");
    const recovered = await harnessPage.evaluate(async (photo) => {
      await harness.enliven(harness.blobOf(photo), "talk");
      harness.frames.length = 0;
      await (harness.engine as unknown as { loseDevice(): Promise<null> }).loseDevice();
      await harness.framesShown(1);
      return { recoveries: harness.recoveries, errors: harness.errors };
    }, picture("photo.png"));
    expect(recovered).toEqual({ recoveries: ["webgpu"], errors: [] });
  });
});
