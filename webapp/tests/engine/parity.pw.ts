/** On the CPU the browser's frames are those of `vivant animate`. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, nativeReference, startEngine, test } from "./browser";

const FRAMES = [0, 20, 40];
let reference: string | null = null;

test.beforeAll(() => {
  reference = nativeReference("--frames", FRAMES.join(), "--precision", "int8");
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
