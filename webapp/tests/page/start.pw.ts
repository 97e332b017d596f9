/** The first view: what it says, in which language, and what it does with files that are no photos. */

import { type Browser, expect, test } from "@playwright/test";
import { choosePhoto, expectAccessible, launch, visit } from "./browser";
import { hugeFile } from "./pictures";

let browser: Browser;
test.beforeAll(async () => { browser = await launch(); });
test.afterAll(async () => { await browser.close(); });

test("nothing but this site is asked for anything, in every language", async () => {
  const { page, complaints, context } = await visit(browser, { asleep: true });
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("One photo, alive.");
  await page.getByLabel("Language").selectOption("de");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Ein Foto lebt.");
  await expect(page).toHaveTitle(/wird lebendig/);
  expect(await page.evaluate(() => document.documentElement.lang)).toBe("de");
  await page.reload();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Ein Foto lebt.");
  expect(complaints).toEqual([]);
  await context.close();
});

test("it speaks the browser's language", async () => {
  const { page, context } = await visit(browser, { asleep: true, locale: "fr-CA" });
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Une photo prend vie.");
  await context.close();
});

test("it is accessible, with and without its dialogs", async () => {
  const { page, complaints, context } = await visit(browser, { asleep: true });
  await expectAccessible(page);
  await page.getByRole("link", { name: "How to check that yourself" }).click();
  await expect(page.getByRole("dialog", { name: "Check it yourself" })).toBeVisible();
  await expectAccessible(page);
  await page.keyboard.press("Escape");
  await expect(page.getByRole("dialog")).toHaveCount(0);
  await page.getByRole("button", { name: "Details" }).click();
  await expectAccessible(page);
  expect(complaints).toEqual([]);
  await context.close();
});

test("it fits into 360 pixels", async () => {
  const { page, context } = await visit(browser, { asleep: true, viewport: { width: 360, height: 740 } });
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
  await context.close();
});

test("files that are no photos get a sentence each, and the way on stays open", async () => {
  const { page, complaints, context } = await visit(browser, { asleep: true });
  const alert = page.getByRole("alert");
  const text = { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("no picture") };
  for (const [file, sentence] of [
    [text, "not a picture"],
    [{ ...text, name: "photo.jpg", mimeType: "image/jpeg" }, "not a picture"],
    [{ name: "empty.jpg", mimeType: "image/jpeg", buffer: Buffer.alloc(0) }, "not a picture"],
    [hugeFile(), "too large"],
  ] as const) {
    await choosePhoto(page, file);
    await expect(alert).toContainText(sentence);
    await expectAccessible(page);
    await page.getByRole("button", { name: "Close" }).click();
    await expect(alert).toBeEmpty();
    await expect(page.getByText("Choose a photo")).toBeVisible();
  }
  expect(complaints).toEqual([]);
  await context.close();
});

test("a video without a photo is told to wait", async () => {
  const { page, context } = await visit(browser, { asleep: true });
  await page.evaluate(() => {
    const transfer = new DataTransfer();
    transfer.items.add(new File(["x"], "me.mp4", { type: "video/mp4" }));
    window.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
  });
  await expect(page.getByRole("alert")).toContainText("First a photo");
  await context.close();
});

test("where there is no camera, there is another way on", async () => {
  const { page, complaints, context } = await visit(browser, { asleep: true });
  const dialog = page.getByRole("dialog", { name: "Take a photo" });
  await page.getByRole("button", { name: "Take a photo" }).click();
  await expect(dialog).toContainText("No camera was found");
  await expect(dialog.locator("label", { hasText: "Choose a photo" })).toBeVisible();
  await expectAccessible(page);
  expect(complaints).toEqual([]);
  await context.close();
});

test("a camera that is refused can be asked for again, or done without", async () => {
  const withCamera = await launch(["--use-fake-device-for-media-stream"]);
  const { page, context } = await visit(withCamera, { asleep: true });
  const dialog = page.getByRole("dialog", { name: "Take a photo" });
  await page.getByRole("button", { name: "Take a photo" }).click();
  await expect(dialog).toContainText("not allowed");
  await expect(dialog.locator("label", { hasText: "Choose a photo" })).toBeVisible();
  await context.grantPermissions(["camera"]);
  await dialog.getByRole("button", { name: "Try again" }).click();
  await expect(dialog.getByRole("button", { name: "Take the photo" })).toBeEnabled();
  await withCamera.close();
});
