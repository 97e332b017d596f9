/**
 * The browser's frames are those of `vivant animate`: on the CPU as it is, on a GPU with `--precision fp32`.
 * A lost GPU costs nothing but time.
 */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, nativeReference, SOFTWARE_GPU, startEngine, test } from "./browser";

const FRAMES = [0, 20, 40];
const references: Partial<Record<"fp32" | "int8", string | null>> = {};

test.beforeAll(() => {
  for (const precision of ["fp32", "int8"] as const) {
    references[precision] = nativeReference("--frames", FRAMES.join(), "--precision", precision);
  }
});
test.beforeEach(() => {
  test.skip(references.fp32 === null, "there is no Python environment to render the reference (make it with `make test`)");
});

function picture(name: string, precision: "fp32" | "int8" = "fp32"): string {
  return readFileSync(join(references[precision] ?? "", name)).toString("base64");
}
const frame = (i: number, precision: "fp32" | "int8") => picture(`frame-${String(i).padStart(3, "0")}.png`, precision);

test("WebAssembly renders what native ONNX Runtime renders", async ({ harnessPage }) => {
  await startEngine(harnessPage);
  const results = await harnessPage.evaluate(
    async ([photo, wanted]) => {
      await harness.enliven(harness.blobOf(photo), "talk");
      return harness.compare(wanted);
    },
    [picture("photo.png"), Object.fromEntries(FRAMES.map((i) => [i, frame(i, "int8")]))] as const,
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
      [picture("photo.png"), frame(0, "fp32")] as const,
    );
    expect(chosen).toBe("webgpu");
    expect(results[0]?.equalShare).toBeGreaterThanOrEqual(0.999);
  });
});
