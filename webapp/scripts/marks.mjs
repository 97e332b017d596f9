/**
 * Saves a preset in every format, signed in Chromium, for `tests/measure_marks.py --site`.
 *
 *   node scripts/marks.mjs FOLDER PHOTO PRESET
 *
 * Writes the files, and marks.json: for each format its file, its sidecar if it has one, and milliseconds: of signing, each of
 * five times; of marking one frame, as often, while nothing else is done; of the whole job.
 */

import { readFileSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { openHarness, serveHarness } from "./harness.mjs";

const [folder, photo, preset] = process.argv.slice(2);
const FORMATS = ["mp4", "webm", "gif", "png"];
const SIGNATURES = 5;

/** In the page: renders, encodes and signs; what comes back is base64. */
async function make([content, name, preset, format, signatures]) {
  const photo = new File([harness.blobOf(content)], name);
  const { engine } = harness;
  await engine.setMotion({ kind: "preset", name: preset });
  const message = crypto.getRandomValues(new Uint8Array(engine.watermarkTerms.messageBytes));
  const sign = harness.signerOf({ photo, motion: preset, title: `clip.${format}`, watermark: message });
  let latest = null;
  const watermark = (frame) => {
    latest = { ...frame, pixels: frame.pixels.slice() };
    return engine.watermark(frame, message);
  };
  const milliseconds = [];
  const timed = async (file, info) => {
    let signed = null;
    for (let i = 0; i < signatures; i++) {
      signed = await sign(file, info);
      milliseconds.push(performance.getEntriesByName("vivant:sign").at(-1).duration);
    }
    return signed;
  };
  const begun = performance.now();
  const saved = await (format === "png" ? still(timed) : harness.saveClip(engine, { format, title: "clip", watermark, sign: timed }));
  const job = performance.now() - begun;
  const marking = [];
  for (let i = 0; i < signatures; i++) {
    const start = performance.now();
    latest = { ...latest, pixels: await engine.watermark(latest, message) };
    marking.push(performance.now() - start);
  }
  return { signing: milliseconds, marking, job, file: await base64(saved.file), sidecar: saved.sidecar && (await base64(saved.sidecar)) };

  async function still(sign) {
    for await (const { bitmap } of engine.renderAll({ loops: 1 })) return harness.saveStill(bitmap, { watermark, sign });
  }

  async function base64(blob) {
    const reader = new FileReader();
    reader.readAsDataURL(blob);
    await new Promise((resolve) => { reader.onload = resolve; });
    return reader.result.split(",")[1];
  }
}

const { address, close } = await serveHarness();
const { browser, page } = await openHarness(address);
const content = readFileSync(photo).toString("base64");
await page.evaluate(async ([content, preset]) => {
  await harness.start("wasm-threads");
  await harness.enliven(harness.blobOf(content), preset);
  harness.engine.pause();
}, [content, preset]);
const results = [];
for (const format of FORMATS) {
  const { file, sidecar, ...times } = await page.evaluate(make, [content, basename(photo), preset, format, SIGNATURES]);
  const write = (name, bytes) => {
    writeFileSync(join(folder, name), Buffer.from(bytes, "base64"));
    return name;
  };
  results.push({ ...times, file: write(`site.${format}`, file), sidecar: sidecar && write("site.c2pa", sidecar) });
}
writeFileSync(join(folder, "marks.json"), JSON.stringify(results));
await browser.close();
await close();
