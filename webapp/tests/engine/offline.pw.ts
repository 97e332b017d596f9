/** Without a connection: after one visit everything comes from the device. */

import { ASTRONAUT, expect, HARNESS, startEngine, test } from "./browser";

test("after a first visit the engine starts offline, with the models from the cache", async ({ harnessPage }) => {
  await startEngine(harnessPage);
  await harnessPage.evaluate(() => harness.registerServiceWorker("../../sw.js"));
  // The second visit passes through the service worker, which then keeps the runtime as well.
  await harnessPage.waitForFunction(() => navigator.serviceWorker.controller !== null);
  await harnessPage.reload();
  await startEngine(harnessPage);
  await harnessPage.context().setOffline(true);
  await harnessPage.goto(HARNESS);
  await startEngine(harnessPage);
  const result = await harnessPage.evaluate(async (photo) => {
    await harness.enliven(harness.blobOf(photo), "idle");
    return { progress: harness.downloads.at(-1), isolated: crossOriginIsolated };
  }, ASTRONAUT.toString("base64"));
  expect(result.progress?.fromCache).toBe(true);
  expect(result.isolated).toBe(true);
});

test("the service worker isolates the page where the host cannot", async ({ harnessPage }) => {
  await harnessPage.context().route(`**/*`, async (route) => {
    const response = await route.fetch();
    const headers = response.headers();
    delete headers["cross-origin-opener-policy"];
    delete headers["cross-origin-embedder-policy"];
    await route.fulfill({ response, headers });
  });
  await harnessPage.goto(HARNESS);
  expect(await harnessPage.evaluate(() => crossOriginIsolated)).toBe(false);
  const report = await harnessPage.evaluate(async () => (await harness.start("wasm-threads")).report);
  expect(report.chosen).toBe("wasm-threads"); // frames are shared among workers, memory is not
  expect(report.threads).toBeGreaterThan(1);
  await harnessPage.evaluate(async () => {
    await harness.registerServiceWorker("../../sw.js");
    await navigator.serviceWorker.ready;
  });
  await harnessPage.reload();
  expect(await harnessPage.evaluate(() => crossOriginIsolated)).toBe(true);
});
