/** Several faces in a photo, and a visit with the keyboard alone. */

import { type Browser, expect, type Page, test } from "@playwright/test";
import { choosePhoto, expectAccessible, expectMoving, HOPPER, launch, visit } from "./browser";
import { twoFaces } from "./pictures";

let browser: Browser;
test.beforeAll(async () => { browser = await launch(); });
test.afterAll(async () => { await browser.close(); });

test("of several faces one or all come alive", async () => {
  const { page, complaints, context } = await visit(browser);
  await choosePhoto(page, await twoFaces(browser));
  const heading = page.getByRole("heading", { level: 2, name: "2 faces. Who shall come alive?" });
  await expect(heading).toBeFocused({ timeout: 60_000 });
  await expectAccessible(page);

  // Each button lies on its face: the left half is the first sample, the right half the second.
  const boxes = await Promise.all([1, 2].map((n) => page.getByRole("button", { name: `Face ${n} of 2` }).boundingBox()));
  const picture = await page.locator(".picture").boundingBox();
  if (picture === null || boxes.some((box) => box === null)) throw new Error("A face has no place.");
  const centres = boxes.map((box) => ((box?.x ?? 0) + (box?.width ?? 0) / 2 - picture.x) / picture.width).sort();
  expect(centres[0]).toBeLessThan(0.5);
  expect(centres[1]).toBeGreaterThan(0.5);

  await page.getByRole("button", { name: "Face 1 of 2" }).click();
  await expectMoving(page);
  await page.getByRole("button", { name: "Choose other faces" }).click();
  await page.getByRole("button", { name: "Take all of them" }).click();
  await expectMoving(page);
  expect(complaints).toEqual([]);
  await context.close();
});

test("everything can be done with the keyboard", async () => {
  const { page, complaints, context } = await visit(browser);
  await page.keyboard.press("Tab");
  await expect(page.getByRole("link", { name: "Skip to the content" })).toBeFocused();
  await tabTo(page, "Begin with Grace Hopper");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("heading", { level: 1 })).toBeFocused();
  await expectMoving(page);
  await tabTo(page, "Smile");
  await page.keyboard.press("Space");
  await expect(page.getByRole("button", { name: "Smile" })).toHaveAttribute("aria-pressed", "true");
  await tabTo(page, "Head");
  await page.keyboard.press("ArrowRight");
  await expect(page.getByRole("slider", { name: "Head" })).toHaveAttribute("aria-valuetext", "105%");
  await tabTo(page, "Save");
  await page.keyboard.press("Enter");
  const dialog = page.getByRole("dialog", { name: "Save" });
  await expect(dialog).toBeVisible();
  await tabTo(page, "Make the file");
  await page.keyboard.press("Escape");
  await expect(dialog).toHaveCount(0);
  await expect(page.getByRole("button", { name: "Save" })).toBeFocused();
  await tabTo(page, "How to check that yourself");
  await page.keyboard.press("Enter");
  await expect(page.getByRole("dialog")).toBeVisible();
  expect(complaints).toEqual([]);
  await context.close();
});

test("whoever asked for less motion gets a still picture and a play button", async () => {
  const { page, complaints, context } = await visit(browser, { reducedMotion: "reduce" });
  await choosePhoto(page, HOPPER);
  await expect(page.getByRole("button", { name: "Play" })).toBeVisible({ timeout: 60_000 });
  await page.getByRole("button", { name: "Play" }).click();
  await expectMoving(page);
  expect(complaints).toEqual([]);
  await context.close();
});

/** Presses Tab until the control of this name has the focus. */
async function tabTo(page: Page, name: string): Promise<void> {
  for (let presses = 0; presses < 60; presses++) {
    await page.keyboard.press("Tab");
    const focused = await page.evaluate(() => {
      const { activeElement } = document;
      const label = activeElement instanceof HTMLInputElement ? activeElement.labels?.[0]?.querySelector("span")?.textContent : null;
      return activeElement?.getAttribute("aria-label") ?? label ?? activeElement?.textContent ?? "";
    });
    if (focused === name) return;
  }
  throw new Error(`Tab never reached “${name}”.`);
}
