/** Firefox, by way of WebDriver BiDi: the page on the WebAssembly path of another browser. */

import { expect, test } from "@playwright/test";
import { existsSync } from "node:fs";
import puppeteer, { type Page } from "puppeteer-core";
import { SITE } from "./browser";

const FIREFOX = process.env["FIREFOX"] ?? ["/usr/bin/firefox-esr", "/usr/bin/firefox"].find((path) => existsSync(path)) ?? "";

test("a sample comes alive in Firefox, follows a preset, and is saved with its marks", async () => {
  test.skip(FIREFOX === "", "there is no Firefox here");
  const browser = await puppeteer.launch({ browser: "firefox", executablePath: FIREFOX, headless: true });
  try {
    const page = await browser.newPage();
    const errors: string[] = [];
    page.on("pageerror", (error) => { errors.push(String(error)); });
    page.setDefaultTimeout(90_000);
    await page.evaluateOnNewDocument(`(() => {${KEEP_FILES}})()`);
    await page.goto(SITE);
    await page.locator(".hung-sample").click(); // a locator waits until what it presses stands still
    await page.waitForSelector("#portrait:not([hidden])").catch(async (error: unknown) => {
      const told = await page.$eval("body", ({ innerText }) => innerText);
      throw new Error(`${error}; the page says: ${told}; errors: ${errors}`);
    });
    await page.locator(".chip[aria-pressed=false]").click();
    await page.waitForSelector(".chip:nth-of-type(2)[aria-pressed=true]");
    const before = await page.$eval("#portrait", checksum);
    await page.waitForFunction(`(${checksum.toString()})(document.getElementById("portrait")) !== ${before}`);
    await page.waitForFunction(`document.querySelector(".medium").textContent.includes("Runs on your processor")`);
    await saveAndInspect(page);
    await page.waitForFunction(`document.querySelector(".verdict")?.textContent.includes("self-signed")`);
    await page.waitForFunction(`document.querySelector(".report")?.textContent.includes("the manifest states the same")`);
    expect(errors).toEqual([]);
  } finally {
    await browser.close();
  }
});

/** Keeps the latest file for which a page asks for an address: the policy lets nobody fetch it from there. */
const KEEP_FILES = `
  const original = URL.createObjectURL;
  URL.createObjectURL = (object) => {
    if (object instanceof File) globalThis.latestFile = object;
    return original.call(URL, object);
  };`;

/** Saves a still, and drops it onto the view that inspects files. */
async function saveAndInspect(page: Page): Promise<void> {
  await page.locator(".panel .button.primary.wide").click();
  await page.locator(".formats label:nth-of-type(4)").click();
  await (await page.$(".save-form input[required]"))?.click();
  await page.locator(".save-form [type=submit]:not([disabled])").click();
  await page.waitForSelector("a[download]");
  await page.evaluate(`(async () => {
    location.hash = "#inspect";
    document.querySelector("dialog button.round").click();
    await new Promise((resolve) => setTimeout(resolve, 500));
    const transfer = new DataTransfer();
    transfer.items.add(globalThis.latestFile);
    window.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
  })()`);
}

/** One number for the picture that a canvas shows. */
function checksum(canvas: Element): number {
  const copy = new OffscreenCanvas(64, 64);
  const context = copy.getContext("2d");
  context?.drawImage(canvas as HTMLCanvasElement, 0, 0, 64, 64);
  const data = [...(context?.getImageData(0, 0, 64, 64).data ?? [])];
  return data.reduce((sum, value, i) => (sum + value * (i % 97)) % 1_000_003, 0);
}
