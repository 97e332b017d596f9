/** On the CPU the browser's frames are those of `vivant animate`, whatever the tracker's last digits say there. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, nativeReference, REPOSITORY, startEngine, test } from "./browser";

const FRAMES = Array.from({ length: 30 }, (_, i) => 4 * i); // of a clip of four seconds

for (const sample of ["astronaut", "grace_hopper"]) {
  test(`WebAssembly renders what native ONNX Runtime renders of ${sample}`, async ({ harnessPage }) => {
    const photo = join(REPOSITORY, `models/samples/${sample}.jpg`);
    const reference = nativeReference("--photo", photo, "--frames", FRAMES.join(), "--precision", "int8");
    test.skip(reference === null, "there is no Python environment to render the reference (make it with `make test`)");
    const picture = (name: string) => readFileSync(join(reference ?? "", name)).toString("base64");
    const frames = FRAMES.map((i) => [i, picture(`frame-${String(i).padStart(3, "0")}.png`)] as const);
    await startEngine(harnessPage);
    const results = await harnessPage.evaluate(
      async ([source, wanted]) => {
        await harness.enliven(harness.blobOf(source), "talk");
        return harness.compare(wanted);
      },
      [picture("photo.png"), Object.fromEntries(frames)] as const,
    );
    expect(results).toHaveLength(FRAMES.length);
    const shares = results.map(({ equalShare }) => equalShare);
    console.log(`${sample}, pixels within a grey level: ${shares.map((share) => `${(100 * share).toFixed(2)} %`).join(", ")}`);
    // Summed in another order, a value next to a step of an int8 layer falls to its other side: here and there in a frame.
    for (const share of shares) expect(share).toBeGreaterThanOrEqual(0.999);
  });
}
