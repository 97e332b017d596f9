/** Firefox, by way of WebDriver BiDi: the page on the WebAssembly path of another browser. */

import { expect, test } from "@playwright/test";
import { existsSync } from "node:fs";
import puppeteer from "puppeteer-core";
import { SITE } from "./browser";

const FIREFOX = process.env["FIREFOX"] ?? ["/usr/bin/firefox-esr", "/usr/bin/firefox"].find((path) => existsSync(path)) ?? "";

test("a sample comes alive in Firefox and follows a preset", async () => {
  test.skip(FIREFOX === "", "there is no Firefox here");
  const browser = await puppeteer.launch({ browser: "firefox", executablePath: FIREFOX, headless: true });
  try {
    const page = await browser.newPage();
    const errors: string[] = [];
    page.on("pageerror", (error) => { errors.push(String(error)); });
    page.setDefaultTimeout(90_000);
    await page.goto(SITE);
    await (await page.waitForSelector(".hung-sample"))?.click();
    await page.waitForSelector("#portrait:not([hidden])");
    await (await page.waitForSelector(".chip[aria-pressed=false]"))?.click();
    await page.waitForSelector(".chip:nth-of-type(2)[aria-pressed=true]");
    const before = await page.$eval("#portrait", checksum);
    await page.waitForFunction(`(${checksum.toString()})(document.getElementById("portrait")) !== ${before}`);
    await page.waitForFunction(`document.querySelector(".medium").textContent.includes("Runs on your processor")`);
    expect(errors).toEqual([]);
  } finally {
    await browser.close();
  }
});

/** One number for the picture that a canvas shows. */
function checksum(canvas: Element): number {
  const copy = new OffscreenCanvas(64, 64);
  const context = copy.getContext("2d");
  context?.drawImage(canvas as HTMLCanvasElement, 0, 0, 64, 64);
  const data = [...(context?.getImageData(0, 0, 64, 64).data ?? [])];
  return data.reduce((sum, value, i) => (sum + value * (i % 97)) % 1_000_003, 0);
}
