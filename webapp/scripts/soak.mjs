/** Lets a preset play for minutes and prints how memory develops.  npm run soak [-- --minutes 10] [-- --limit 2] */

import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { parseArgs } from "node:util";
import { openHarness, serveHarness } from "./harness.mjs";

const { values: options } = parseArgs({
  options: { minutes: { type: "string", default: "2" }, limit: { type: "string", default: "2" } },
});
const MINUTES = Number(options.minutes);
const EVERY_MS = 5000;
const WARM_UP = 0.2; // share of the run that does not count
const PHOTO = readFileSync(resolve(import.meta.dirname, "../../models/samples/astronaut.jpg")).toString("base64");

/** Megabytes that the browser's page processes hold (proportional set size). */
async function memory(session) {
  const { processInfo } = await session.send("SystemInfo.getProcessInfo");
  const pages = processInfo.filter(({ type }) => type === "renderer");
  const bytes = pages.map(({ id }) => Number(/^Pss:\s+(\d+)/m.exec(readFileSync(`/proc/${id}/smaps_rollup`, "utf8"))?.[1] ?? 0));
  return bytes.reduce((sum, kilobytes) => sum + kilobytes, 0) / 1024;
}

/** Least-squares slope of y over x. */
function slope(points) {
  const mean = (i) => points.reduce((sum, point) => sum + point[i], 0) / points.length;
  const [mx, my] = [mean(0), mean(1)];
  const above = points.reduce((sum, [x, y]) => sum + (x - mx) * (y - my), 0);
  return above / points.reduce((sum, [x]) => sum + (x - mx) ** 2, 0);
}

const server = await serveHarness();
const { browser, page } = await openHarness(server.address);
const session = await browser.newBrowserCDPSession();
await page.evaluate(async (photo) => {
  await harness.start();
  await harness.enliven(harness.blobOf(photo), "talk");
}, PHOTO);
const points = [];
const begun = performance.now();
while (performance.now() - begun < 60_000 * MINUTES) {
  await new Promise((done) => setTimeout(done, EVERY_MS));
  const minutes = (performance.now() - begun) / 60_000;
  points.push([minutes, await memory(session)]);
  console.log(`${minutes.toFixed(2)} min  ${points.at(-1)[1].toFixed(1)} MB`);
}
const frames = await page.evaluate(() => harness.frames.length);
await browser.close();
await server.close();
const counted = points.filter(([minutes]) => minutes >= WARM_UP * MINUTES);
const rise = slope(counted);
console.log(`${frames} frames; memory rises by ${rise.toFixed(2)} MB a minute (limit ${options.limit})`);
process.exitCode = rise <= Number(options.limit) ? 0 : 1;
