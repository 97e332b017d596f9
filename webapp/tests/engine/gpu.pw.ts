/**
 * On a GPU the browser's frames are those of `vivant animate --precision fp32`, of one photo and of several. A lost GPU
 * costs nothing but time.
 */

import { expect, SOFTWARE_GPU, startEngine, test } from "./browser";
import { frameAlone, PRESET, severalPhotos } from "./several-photos";

test.use({ args: SOFTWARE_GPU });
test.setTimeout(600_000); // a GPU made of software takes seconds for a frame: no more of them than must be

test("WebGPU renders what native ONNX Runtime renders, and the loss of the GPU loses no photo", async ({ harnessPage }) => {
  const { photo, others, frame } = severalPhotos("fp32");
  const alone = frameAlone("fp32");
  await startEngine(harnessPage, "webgpu");
  const before = await harnessPage.evaluate(
    async ([preset, photo, others, alone]) => {
      const { engine } = harness;
      if (!engine) throw new Error("no engine");
      const { faces } = await engine.openPhoto(harness.blobOf(photo));
      await engine.chooseFaces([faces[0]?.id ?? 0]);
      await engine.setMotion({ kind: "preset", name: preset });
      const { equalShare } = await harness.compareShown(alone);
      await engine.setMotion({ kind: "driver" }); // without frames of one, nothing is drawn when something changes
      for (const other of others) await engine.addPhoto(harness.blobOf(other));
      await (engine as unknown as { loseDevice(): Promise<null> }).loseDevice();
      return { chosen: engine.report.chosen, equalShare };
    },
    [PRESET, photo, others, alone] as const,
  );
  expect(before.chosen).toBe("webgpu");
  expect(before.equalShare).toBeGreaterThanOrEqual(0.999);
  await harnessPage.waitForFunction(() => harness.recoveries.length > 0, null, { timeout: 300_000 });
  const after = await harnessPage.evaluate(
    async ([preset, frame]) => {
      await harness.engine?.removePhoto(NaN); // none: answered once those that came before it were examined
      await harness.engine?.setMotion({ kind: "preset", name: preset });
      const { equalShare } = await harness.compareShown(frame);
      return { equalShare, recoveries: harness.recoveries, errors: harness.errors };
    },
    [PRESET, frame] as const,
  );
  expect(after).toMatchObject({ recoveries: ["webgpu"], errors: [] });
  expect(after.equalShare).toBeGreaterThanOrEqual(0.999); // it would be 0.995 if the others were not seen
});
