/** More photos of the person, for mouth and eyes: each test goes on where the one before stopped. */

import { type Browser, expect, type Page, test } from "@playwright/test";
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { ASTRONAUT, choosePhoto, expectAccessible, expectMoving, HOPPER, launch, type Visit, visit } from "./browser";
import { noFace, twoFaces } from "./pictures";

test.describe.configure({ mode: "serial" });

const REPOSITORY = resolve(import.meta.dirname, "../../..");
const PYTHON = process.env["VIVANT_PYTHON"] ?? join(REPOSITORY, ".venv/bin/python");
const SMILE = { name: "astronaut.jpg", mimeType: "image/jpeg", buffer: readFileSync(ASTRONAUT) };
const NOTES = { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("no picture") };

let browser: Browser;
let visitor: Visit;
let page: Page;
test.beforeAll(async () => {
  browser = await launch();
  visitor = await visit(browser);
  page = visitor.page;
  await page.getByRole("button", { name: "Begin with Grace Hopper" }).click();
  await expectMoving(page);
});
test.afterEach(() => { expect(visitor.complaints).toEqual([]); });
test.afterAll(async () => { await browser.close(); });

const region = () => page.getByRole("region", { name: "More photos of this person" });
const lending = (count: number) => `Mouth and eyes come from whichever of the ${count} photos fits the moment.`;
const input = () => region().locator("input[type=file]");
const tiles = () => region().getByRole("listitem");

test("another photo lends mouth and eyes; what is none is refused in one sentence each", async () => {
  await expect(region()).toContainText("What a photo hides is made up");
  await input().setInputFiles([await noFace(browser), SMILE, NOTES]);
  await expect(region().getByRole("status")).toHaveText(lending(2));
  await expect(region().getByRole("img", { name: "astronaut.jpg" })).toBeVisible();
  await expect(tiles()).toHaveCount(1);
  await expect(region().locator(".refusals p")).toHaveText([
    "No face was found in sky.png.",
    "notes.txt is not a picture that your browser can read.",
  ]);
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Grace Hopper");
  await expectMoving(page);
  await expectAccessible(page);
});

test("every further one lends too", async () => {
  await input().setInputFiles(HOPPER);
  await expect(tiles()).toHaveCount(2);
  await expect(region().getByRole("img", { name: "grace_hopper.jpg" })).toBeVisible();
  await expect(region().locator(".refusals")).toBeEmpty(); // what was wrong before is forgotten
  await expect(region().getByRole("status")).toHaveText(lending(3));
});

test("the narrowest phone shows it without scrolling sideways", async () => {
  await page.setViewportSize({ width: 360, height: 740 });
  await region().scrollIntoViewIfNeeded();
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBeLessThanOrEqual(360);
  await expectAccessible(page);
  await page.setViewportSize({ width: 1280, height: 800 });
});

test("a saved file names every photo it was made of, and shows none", async ({}, info) => {
  test.skip(!existsSync(PYTHON), "there is no Python to read the file with");
  await page.getByRole("button", { name: "Wink", exact: true }).click();
  await page.getByRole("button", { name: "Pause" }).click(); // near the beginning, which stills are rendered up to
  await page.getByRole("button", { name: "Save", exact: true }).click();
  const dialog = page.getByRole("dialog", { name: "Save" });
  await dialog.getByLabel("PNG").check();
  await dialog.getByLabel(/agreed to this/).check();
  await dialog.getByRole("button", { name: "Make the file" }).click();
  const link = dialog.getByRole("link", { name: "Download" });
  await expect(link).toBeVisible({ timeout: 90_000 });
  const [download] = await Promise.all([page.waitForEvent("download"), link.click()]);
  const file = info.outputPath("still.png");
  await download.saveAs(file);
  await page.keyboard.press("Escape");
  const { state, claims } = JSON.parse(spawnSync(PYTHON, ["-m", "vivant", "inspect", "--json", file], { cwd: "/", encoding: "utf8" }).stdout);
  expect(state).toBe("self-signed");
  expect(claims.ingredients).toMatchObject(
    [HOPPER, ASTRONAUT, HOPPER].map((photo) => ({ title: photo.split("/").at(-1), sha256: sha256(photo), thumbnail: false })),
  );
});

test("photos are removed with the keyboard, and the portrait is as it was", async () => {
  await page.getByRole("button", { name: "Play" }).click();
  const remove = region().getByRole("button", { name: "Remove astronaut.jpg" });
  await remove.focus();
  await page.keyboard.press("Enter");
  await expect(tiles()).toHaveCount(1);
  await expect(region().getByRole("button", { name: "Remove grace_hopper.jpg" })).toBeFocused();
  await expect(region().getByRole("status")).toHaveText(lending(2));
  await expect(page.getByText("astronaut.jpg was removed.")).toBeAttached();
  await page.keyboard.press("Enter");
  await expect(tiles()).toHaveCount(0);
  await expect(input()).toBeFocused();
  await expect(region()).toContainText("What a photo hides is made up");
  await expectMoving(page);
});

test("a photo that falls on it belongs to the portrait", async () => {
  const photo = readFileSync(ASTRONAUT).toString("base64");
  const drag = (type: string) => region().evaluate(
    (element, [type, base64]) => {
      const transfer = new DataTransfer();
      transfer.items.add(new File([Uint8Array.from(atob(base64), (c) => c.charCodeAt(0))], "open smile.jpg", { type: "image/jpeg" }));
      element.dispatchEvent(new DragEvent(type, { dataTransfer: transfer, bubbles: true, cancelable: true }));
    },
    [type, photo] as const,
  );
  await drag("dragover");
  await expect(page.getByText("Let go here if it is another photo of the same person")).toBeVisible();
  await drag("drop");
  await expect(page.getByText("Let go here if it is another photo of the same person")).toBeHidden();
  await expect(region().getByRole("status")).toHaveText(lending(2));
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("Grace Hopper");
});

test("another backend goes on with the same photos", async () => {
  await page.getByRole("button", { name: "Details" }).click();
  const dialog = page.getByRole("dialog", { name: "Details" });
  await dialog.getByLabel("Processor, one thread").check();
  await expect(dialog.getByLabel("Processor, one thread")).toBeEnabled();
  await page.keyboard.press("Escape");
  await expectMoving(page);
  await expect(tiles()).toHaveCount(1);
  await region().getByRole("button", { name: "Remove open smile.jpg" }).click();
  await expect(region().getByRole("status")).toBeEmpty();
  await expect(page.getByRole("alert").filter({ hasText: /\S/ })).toHaveCount(0);
});

test("it goes with one face, and begins anew with another portrait", async () => {
  await input().setInputFiles(ASTRONAUT);
  await expect(region().getByRole("img", { name: "astronaut.jpg" })).toBeVisible();
  await choosePhoto(page, await twoFaces(browser));
  await page.getByRole("button", { name: "Take all of them" }).click({ timeout: 60_000 });
  await expectMoving(page);
  await expect(region()).toHaveCount(0);
  await page.getByRole("button", { name: "Choose other faces" }).click();
  await page.getByRole("button", { name: "Face 2 of 2" }).click();
  await expectMoving(page);
  await expect(region()).toBeVisible();
  await expect(tiles()).toHaveCount(0);
});

function sha256(file: string): string {
  return createHash("sha256").update(readFileSync(file)).digest("hex");
}
