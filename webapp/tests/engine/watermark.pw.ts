/** The invisible watermark: the browser's is Python's, each finds the other's, and nobody finds one where there is none. */

import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { ASTRONAUT, expect, startEngine, test } from "./browser";

const REPOSITORY = resolve(import.meta.dirname, "../../..");
const PYTHON = process.env["VIVANT_PYTHON"] ?? join(REPOSITORY, ".venv/bin/python");
const MESSAGE = [1, 35, 69, 171];

/** Marks original.png, and reads what is in marked.png. */
const IN_PYTHON = `
import json, sys
from pathlib import Path
import numpy as np
from PIL import Image
from vivant.runtime.session import BUNDLED, Bundle
from vivant.runtime.watermark import WatermarkReader
folder = Path(sys.argv[1])
bundle = Bundle(Path(sys.argv[2]) if len(sys.argv) > 2 else BUNDLED)
original, marked = (np.array(Image.open(folder / name)) for name in ("original.png", "marked.png"))
message = np.array(${JSON.stringify(MESSAGE)}, np.uint8)
ours = bundle.graph("watermark_embed")({"image": original, "message": message})["marked"]
reading = WatermarkReader(bundle).read([marked[..., :3]])
difference = np.abs(ours.astype(int) - marked.astype(int))
print(json.dumps({"worst": int(difference.max()), "message": reading.message, "confidence": reading.confidence}))
`;

test("a frame is marked as Python marks it, and the mark is found", async ({ harnessPage }) => {
  await startEngine(harnessPage);
  const result = await harnessPage.evaluate(async ([photo, message]) => {
    const { engine } = harness;
    if (!engine) throw new Error("no engine");
    const bitmap = await createImageBitmap(harness.blobOf(photo));
    const [width, height] = [bitmap.width, bitmap.height];
    const original = harness.pixelsOf(bitmap);
    const pixels = () => new Uint8ClampedArray(original);
    const told = Uint8Array.from(message);
    await engine.watermark({ pixels: pixels(), width, height }, told);
    const start = performance.now();
    const marked = await engine.watermark({ pixels: pixels(), width, height }, told);
    const milliseconds = performance.now() - start;
    let [sum, opacity] = [0, 0];
    marked.forEach((value, i) => {
      if (i % 4 === 3) opacity = Math.max(opacity, Math.abs(value - (original[i] ?? 0)));
      else sum += (value - (original[i] ?? 0)) ** 2;
    });
    const frame = (data: Uint8ClampedArray<ArrayBuffer>) => ({ pixels: new Uint8ClampedArray(data), width, height });
    const found = await engine.readWatermark([frame(marked)]);
    const none = await engine.readWatermark([{ pixels: pixels(), width, height }]);
    const png = async (data: Uint8ClampedArray<ArrayBuffer>) => {
      const canvas = new OffscreenCanvas(width, height);
      canvas.getContext("2d")?.putImageData(new ImageData(data, width, height), 0, 0);
      return [...new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer())];
    };
    return {
      milliseconds, opacity, psnr: 10 * Math.log10((255 ** 2 * 3 * width * height) / sum),
      found: { ...found, message: found.message && [...found.message] }, none,
      files: { original: await png(pixels()), marked: await png(marked) },
    };
  }, [ASTRONAUT.toString("base64"), MESSAGE] as const);
  console.log(`marking 512×512: ${result.milliseconds.toFixed(1)} ms; PSNR ${result.psnr.toFixed(1)} dB`);
  expect(result.psnr).toBeGreaterThan(40);
  expect(result.opacity).toBe(0);
  expect(result.found.message).toEqual(MESSAGE);
  expect(result.none.message).toBeNull();
  test.skip(!existsSync(PYTHON), "there is no Python to compare with");
  const folder = mkdtempSync(join(tmpdir(), "vivant-watermark-"));
  for (const [name, bytes] of Object.entries(result.files)) writeFileSync(join(folder, `${name}.png`), Uint8Array.from(bytes));
  const python = JSON.parse(execFileSync(PYTHON, ["-W", "ignore", "-c", IN_PYTHON, folder], { cwd: "/", encoding: "utf8" }));
  expect(python.worst).toBeLessThanOrEqual(1);
  expect(python.message).toBe(Buffer.from(MESSAGE).toString("hex"));
  expect(Math.abs(python.confidence - result.found.confidence)).toBeLessThan(0.01);
});
