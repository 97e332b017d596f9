/** Firefox, by way of WebDriver BiDi: the WebAssembly path of another browser. */

import { expect, test } from "@playwright/test";
import { existsSync } from "node:fs";
import puppeteer from "puppeteer-core";
import { ASTRONAUT, HARNESS } from "./browser";

const FIREFOX = process.env["FIREFOX"] ?? "/usr/bin/firefox-esr";

test.describe.configure({ timeout: 90_000 });

test("a photo comes alive in Firefox", async () => {
  test.skip(!existsSync(FIREFOX), `there is no Firefox at ${FIREFOX}`);
  const browser = await puppeteer.launch({ browser: "firefox", executablePath: FIREFOX, headless: true });
  try {
    const page = await browser.newPage();
    page.setDefaultTimeout(60_000);
    await page.goto(HARNESS);
    await page.waitForFunction("'harness' in globalThis");
    const result = await page.evaluate(async (photo) => {
      const engine = await harness.start();
      await harness.enliven(harness.blobOf(photo), "idle");
      await harness.framesShown(5);
      return { report: engine.report, size: [harness.canvas.width, harness.canvas.height], errors: harness.errors };
    }, ASTRONAUT.toString("base64"));
    expect(result.report).toMatchObject({ chosen: "wasm-threads" });
    expect(result.size).toEqual([512, 512]);
    expect(result.errors).toEqual([]);
  } finally {
    await browser.close();
  }
});
