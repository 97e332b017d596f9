/** A connection that breaks, models that arrive damaged, no connection at all. */

import { type Browser, expect, test } from "@playwright/test";
import { choosePhoto, expectMoving, HOPPER, launch, SITE, visit } from "./browser";
import { noFace } from "./pictures";

let browser: Browser;
test.beforeAll(async () => { browser = await launch(); });
test.afterAll(async () => { await browser.close(); });

test("after one visit the page works without a connection", async () => {
  const { page, complaints, context } = await visit(browser);
  await choosePhoto(page, HOPPER);
  await expectMoving(page);
  await context.setOffline(true);
  await page.goto(SITE);
  await page.getByRole("button", { name: "Begin with Eileen Collins" }).click();
  await expectMoving(page);
  expect(complaints).toEqual([]);
  await context.close();
});

test("bytes are counted while the models come; without them the photo waits, and a retry goes on", async () => {
  const { page, context } = await visit(browser, { asleep: true, serviceWorkers: "block" });
  await context.route("**/bundle/render*.onnx", (route) => route.abort());
  await choosePhoto(page, HOPPER);
  await expect(page.getByRole("alert").filter({ hasText: "could not be fetched" })).toBeVisible();
  await expect(page.getByRole("img", { name: "Portrait: grace hopper" })).toBeVisible();
  await context.unroute("**/bundle/render*.onnx");
  await context.route("**/bundle/render*.onnx", async (route) => {
    await new Promise((resolve) => setTimeout(resolve, 1500));
    await route.continue();
  });
  await page.getByRole("button", { name: "Try again" }).click();
  await expect(page.getByText(/Fetching the models: \d+\.\d MB of \d+\.\d MB/)).toBeVisible();
  await expectMoving(page);
  await context.close();
});

test("damaged models are not used", async () => {
  const { page, context } = await visit(browser, { asleep: true, serviceWorkers: "block" });
  await context.route("**/bundle/retarget*.onnx", async (route) => {
    const response = await route.fetch();
    const body = await response.body();
    body[100] = (body[100] ?? 0) ^ 1;
    await route.fulfill({ response, body });
  });
  await choosePhoto(page, HOPPER);
  await expect(page.getByRole("alert").filter({ hasText: "arrived damaged" })).toBeVisible();
  await context.close();
});

test("a first photo without a face stays, with other ways on", async () => {
  const { page, complaints, context } = await visit(browser);
  await choosePhoto(page, await noFace(browser));
  const alert = page.getByRole("alert").filter({ hasText: "No face was found" });
  await expect(alert).toBeVisible({ timeout: 60_000 });
  await expect(page.getByRole("img", { name: "Portrait: sky" })).toBeVisible();
  await page.locator(".panel").getByRole("button", { name: "Grace Hopper" }).click();
  await expectMoving(page);
  expect(complaints).toEqual([]);
  await context.close();
});

test("a sample that is not there is told", async () => {
  const { page, context } = await visit(browser, { asleep: true, serviceWorkers: "block" });
  await context.route("**/assets/*.jpg", (route) => route.abort());
  await page.getByRole("button", { name: "Begin with Grace Hopper" }).click();
  await expect(page.getByRole("alert")).toContainText("could not be loaded");
  await context.close();
});
