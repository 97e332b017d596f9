/** A visit with a camera, which shows a sample: a photo from it, live mimic, a recording. */

import { type Browser, expect, type Page, test } from "@playwright/test";
import { cameraShowing, choosePhoto, expectAccessible, expectMoving, HOPPER, launch, type Visit, visit } from "./browser";
import { cameraFile } from "./pictures";

test.describe.configure({ mode: "serial" });

let browser: Browser;
let visitor: Visit;
let page: Page;
test.beforeAll(async () => {
  browser = await launch(cameraShowing(cameraFile()));
  visitor = await visit(browser);
  page = visitor.page;
});
test.afterEach(() => { expect(visitor.complaints).toEqual([]); });
test.afterAll(async () => { await browser.close(); });

test("a photo from the camera comes alive", async () => {
  await page.getByRole("button", { name: "Take a photo" }).click();
  const shutter = page.getByRole("button", { name: "Take the photo" });
  await expect(shutter).toBeEnabled();
  await expectAccessible(page);
  await shutter.click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Your photo");
  await expectMoving(page);
});

test("the portrait follows the camera, and takes a face as neutral", async () => {
  await choosePhoto(page, HOPPER);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("grace hopper");
  await page.getByRole("button", { name: "Use my camera" }).click();
  await expect(page.getByText("The portrait follows.")).toBeVisible();
  await expectAccessible(page);
  await page.getByRole("button", { name: "This is my neutral face" }).click();
  await expect(page.getByText("Noted. This is the neutral face now.")).toBeAttached();
  await expect(page.getByRole("button", { name: "At rest" })).toHaveAttribute("aria-pressed", "false");
});

test("what the camera led is recorded and saved", async () => {
  await page.getByRole("button", { name: "Details" }).click();
  await page.getByLabel("256 px").check(); // quicker
  await page.keyboard.press("Escape");
  await page.getByRole("button", { name: "Record" }).click();
  await page.waitForTimeout(1500);
  await page.getByRole("button", { name: /Stop recording/ }).click();
  const dialog = page.getByRole("dialog", { name: "Save" });
  await dialog.getByLabel("GIF").check();
  await dialog.getByLabel("Seamless loop").check();
  await dialog.getByLabel(/agreed to this/).check();
  await dialog.getByRole("button", { name: "Make the file" }).click();
  await expect(dialog.getByRole("link", { name: "Download" })).toBeVisible({ timeout: 90_000 });
  await page.keyboard.press("Escape");
});

test("the camera is given back", async () => {
  await page.getByRole("button", { name: "Stop the camera" }).click();
  await expect(page.locator(".preview")).toHaveCount(0);
  await expect(page.getByRole("button", { name: "Save" })).toBeVisible();
  await expectMoving(page);
});

test("a camera that is refused leaves the portrait as it is", async () => {
  const strict = await launch(["--use-fake-device-for-media-stream"]);
  const { page, context } = await visit(strict);
  await choosePhoto(page, HOPPER);
  await expectMoving(page);
  await page.getByRole("button", { name: "Use my camera" }).click();
  await expect(page.getByRole("alert")).toContainText("The camera is not allowed here");
  await expectMoving(page);
  await context.grantPermissions(["camera"]);
  await page.getByRole("alert").getByRole("button", { name: "Try again" }).click();
  await expect(page.getByText("What the portrait follows")).toHaveCount(0); // a name for screen readers only
  await expect(page.locator(".preview video")).toHaveAttribute("aria-label", "What the portrait follows");
  await strict.close();
});
