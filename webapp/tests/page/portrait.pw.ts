/** One visit, from a sample to saved files: each test goes on where the one before stopped. */

import { type Browser, expect, type Page, test } from "@playwright/test";
import { readFileSync } from "node:fs";
import { ASTRONAUT, choosePhoto, difference, expectAccessible, expectMoving, launch, pixels, type Visit, visit } from "./browser";
import { noFace, swayingVideo } from "./pictures";

test.describe.configure({ mode: "serial" });

let browser: Browser;
let visitor: Visit;
let page: Page;
test.beforeAll(async () => {
  browser = await launch();
  visitor = await visit(browser);
  page = visitor.page;
});
test.afterEach(() => { expect(visitor.complaints).toEqual([]); });
test.afterAll(async () => { await browser.close(); });

const button = (name: string | RegExp, exact = true) => page.getByRole("button", { name, exact });
const slider = (name: string) => page.getByRole("slider", { name });

test("a sample moves at once, at rest, and says where it runs", async () => {
  await button("Begin with Grace Hopper").click();
  await expectMoving(page);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Grace Hopper");
  await expect(page.getByRole("heading", { level: 1 })).toBeFocused();
  await expect(button("At rest")).toHaveAttribute("aria-pressed", "true");
  await expect(page.getByText(/AI-animated · Runs on your (processor|graphics card), \d+ fps/)).toBeVisible();
});

test("everything beside it is accessible", async () => {
  await expectAccessible(page);
  await button("Details").click();
  await expect(page.getByRole("dialog")).toContainText("ms a frame");
  await expectAccessible(page);
});

test("another backend and another size can be chosen", async () => {
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("256 px").check();
  await dialog.getByLabel("Processor, one thread").check();
  await expect(dialog.getByLabel("Processor, one thread")).toBeEnabled();
  await expect(dialog.locator(".figures div", { hasText: "Threads" })).toContainText("1");
  await dialog.getByLabel("Processor, several threads").check();
  await expect(dialog.locator(".figures div", { hasText: "Threads" })).toContainText("2");
  await page.keyboard.press("Escape");
  await expectMoving(page);
});

test("it pauses, and shows the original", async () => {
  await button("Pause").click();
  await expect(button("Play")).toBeVisible();
  await page.waitForTimeout(500); // a frame that was in work may still come
  const still = await pixels(page);
  await page.waitForTimeout(700);
  expect(difference(still, await pixels(page))).toBe(0);
  await button("Show the original").click();
  await expect(page.locator("#portrait")).toBeHidden();
  await button("Show the original").click();
  await button("Play").click();
  await expectMoving(page);
});

test("with every slider at zero nothing moves, and they can be reset", async () => {
  for (const name of ["Head", "Expression", "Eyes", "Lips", "Gaze"]) {
    await slider(name).press("Home");
    await expect(slider(name)).toHaveAttribute("aria-valuetext", "0%");
  }
  await page.waitForTimeout(1000);
  const still = await pixels(page);
  await page.waitForTimeout(1500);
  expect(difference(still, await pixels(page))).toBeLessThan(0.05);
  await button("Reset").click();
  await expect(slider("Gaze")).toHaveAttribute("aria-valuetext", "100%");
  await expectMoving(page);
});

test("a preset is one press away", async () => {
  await button("Surprise").click();
  await expect(button("Surprise")).toHaveAttribute("aria-pressed", "true");
  await expect(button("At rest")).toHaveAttribute("aria-pressed", "false");
  await expectMoving(page);
});

test("a photo without a face changes nothing", async () => {
  await choosePhoto(page, await noFace(browser));
  await expect(page.getByRole("alert")).toContainText("No face was found");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Grace Hopper");
  await expectMoving(page);
  await page.getByRole("alert").getByRole("button", { name: "Close" }).click();
});

test("a still bears the label unless it is switched off, and needs consent once", async () => {
  await button("At rest").click();
  await button("Pause").click();
  await button("Save").click();
  await expectAccessible(page);
  const dialog = page.getByRole("dialog", { name: "Save" });
  await dialog.getByLabel("PNG").check();
  await dialog.getByRole("button", { name: "Make the file" }).click();
  await expect(dialog.getByLabel(/agreed to this/)).toBeFocused(); // nothing is made before
  await dialog.getByLabel(/agreed to this/).check();
  const labelled = await saved("png");
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Another format" }).click();
  await expect(dialog.getByLabel(/agreed to this/)).toHaveCount(0);
  await expect(dialog.getByLabel("PNG")).toBeChecked();
  await dialog.getByLabel(/Write “AI-animated”/).uncheck();
  const plain = await saved("png");
  expect(await corner(labelled)).not.toEqual(await corner(plain));
  await page.keyboard.press("Escape");
});

test("saving a clip can be cancelled", async () => {
  await button("Wink").click();
  await button("Save").click();
  const dialog = page.getByRole("dialog", { name: "Save" });
  await dialog.getByLabel("GIF").check();
  await dialog.getByRole("button", { name: "Make the file" }).click();
  await expect(dialog.getByText(/Frame \d+ of 90/)).toBeVisible();
  await expectAccessible(page);
  await dialog.getByRole("button", { name: "Cancel" }).click();
  await expect(dialog.getByRole("alert")).toHaveText("Cancelled. Nothing was saved.");
});

test("a clip is saved, plays, and the portrait goes on", async () => {
  const dialog = page.getByRole("dialog", { name: "Save" });
  const format = (await dialog.getByLabel("MP4").isEnabled()) ? "mp4" : "webm";
  await dialog.getByLabel(format === "mp4" ? "MP4" : "WebM").check();
  await expect(dialog.getByLabel("Once (3.6 s)")).toBeChecked();
  const clip = await saved(format);
  expect(clip.byteLength).toBeGreaterThan(20_000);
  const seconds = await dialog.locator("video").evaluate((video) => (video as HTMLVideoElement).duration);
  expect(seconds).toBeCloseTo(3.6, 1);
  await page.keyboard.press("Escape");
  await expectMoving(page);
});

test("a video leads the portrait, and can be let go", async () => {
  await button("At rest").click();
  await page.locator("input[type=file][accept='video/*']").setInputFiles(await swayingVideo(browser));
  await expect(page.getByText("The portrait follows.")).toBeVisible();
  await expectMoving(page);
  await expectAccessible(page);
  await button("This is my neutral face").click();
  await button("Stop the video").click();
  await expect(button("At rest")).toHaveAttribute("aria-pressed", "true");
});

test("a video without a face, or that is none, gets a sentence", async () => {
  const input = page.locator("input[type=file][accept='video/*']");
  await input.setInputFiles({ name: "broken.mp4", mimeType: "video/mp4", buffer: Buffer.from("no video") });
  await expect(page.getByRole("alert")).toContainText("not a video");
  await input.setInputFiles(await swayingVideo(browser, false));
  await expect(page.getByRole("alert")).toContainText("No face was found in the video");
  await expectMoving(page);
});

test("another photo is pasted", async () => {
  const photo = readFileSync(ASTRONAUT).toString("base64");
  await page.evaluate((base64) => {
    const transfer = new DataTransfer();
    transfer.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], "eileen_collins.jpg", { type: "image/jpeg" }));
    window.dispatchEvent(new ClipboardEvent("paste", { clipboardData: transfer }));
  }, photo);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("eileen collins");
  await expectMoving(page);
});

/** Makes the file and downloads it. */
async function saved(format: string): Promise<Buffer> {
  const dialog = page.getByRole("dialog", { name: "Save" });
  await dialog.getByRole("button", { name: "Make the file" }).click();
  const link = dialog.getByRole("link", { name: "Download" });
  await expect(link).toBeFocused({ timeout: 90_000 });
  const [download] = await Promise.all([page.waitForEvent("download"), link.click()]);
  expect(download.suggestedFilename()).toMatch(new RegExp(`^grace-hopper-.*\\.${format}$`));
  return readFileSync(await download.path());
}

/** Pixels of the lower left corner, where the label is. */
function corner(png: Buffer): Promise<number[]> {
  return page.evaluate(async (base64) => {
    const blob = new Blob([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], { type: "image/png" });
    const bitmap = await createImageBitmap(blob);
    const canvas = new OffscreenCanvas(100, 30);
    const context = canvas.getContext("2d");
    context?.drawImage(bitmap, 0, 30 - bitmap.height);
    return [...(context?.getImageData(0, 0, 100, 30).data ?? [])];
  }, png.toString("base64"));
}
