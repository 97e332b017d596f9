/** A real Chromium with the site opened. Any request to elsewhere, breach of the policy or uncaught error fails the test. */

import { AxeBuilder } from "@axe-core/playwright";
import { type Browser, type BrowserContext, type BrowserContextOptions, chromium, expect, type Page } from "@playwright/test";
import { resolve } from "node:path";
import { PORT } from "./playwright.config";

export const SITE = `http://127.0.0.1:${PORT}/`;
export const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
const SAMPLES = resolve(import.meta.dirname, "../../../models/samples");
export const ASTRONAUT = resolve(SAMPLES, "astronaut.jpg");
export const HOPPER = resolve(SAMPLES, "grace_hopper.jpg");

/** Chromium without a window; Playwright's own builds are not needed. */
export function launch(args: readonly string[] = []): Promise<Browser> {
  return chromium.launch({
    executablePath: CHROMIUM,
    headless: true,
    ignoreDefaultArgs: ["--headless"],
    args: ["--headless=new", "--no-sandbox", ...args],
  });
}

/** A camera that shows one JPEG picture for ever, and a visitor who allows it. */
export const cameraShowing = (mjpeg: string): readonly string[] => [
  "--use-fake-device-for-media-stream",
  `--use-file-for-fake-video-capture=${mjpeg}`,
  "--use-fake-ui-for-media-stream",
];

/** Notes in `complaints` whatever a page of this context must not do. */
export async function watch(context: BrowserContext, complaints: string[]): Promise<void> {
  context.on("request", (request) => {
    if (!/^(blob|data):/.test(request.url()) && !request.url().startsWith(SITE)) complaints.push(`request to ${request.url()}`);
  });
  context.on("console", (message) => {
    if (/content security policy/i.test(message.text())) complaints.push(message.text());
  });
  context.on("weberror", (error) => { complaints.push(String(error.error())); });
  await context.exposeFunction("complain", (text: string) => { complaints.push(text); });
  await context.addInitScript(() => {
    document.addEventListener("securitypolicyviolation", (event) => {
      void (globalThis as unknown as { complain: (text: string) => void }).complain(`${event.violatedDirective}: ${event.blockedURI}`);
    });
  });
}

export interface Visit {
  readonly page: Page;
  readonly complaints: string[];
  readonly context: BrowserContext;
}

export interface VisitOptions extends BrowserContextOptions {
  /** The models are fetched only with the first photo: for tests that need none. */
  readonly asleep?: boolean;
}

/** A new visitor, who speaks English unless said otherwise. */
export async function visit(browser: Browser, { asleep = false, ...options }: VisitOptions = {}): Promise<Visit> {
  const context = await browser.newContext({ locale: "en-GB", viewport: { width: 1280, height: 800 }, ...options });
  const complaints: string[] = [];
  await watch(context, complaints);
  if (asleep) {
    await context.addInitScript(() => {
      Object.defineProperty(navigator, "connection", { value: { saveData: true } });
    });
  }
  const page = await context.newPage();
  await page.goto(SITE);
  return { page, complaints, context };
}

/** Waits until the portrait moves: its pixels change. */
export async function expectMoving(page: Page): Promise<void> {
  const portrait = page.locator("#portrait");
  await expect(portrait).toBeVisible({ timeout: 60_000 });
  const before = await pixels(page);
  await expect.poll(async () => difference(before, await pixels(page)), { intervals: [100], timeout: 30_000 }).toBeGreaterThan(0.2);
}

/** The portrait, reduced: grey levels, 64 a side. */
export function pixels(page: Page): Promise<number[]> {
  return page.locator("#portrait").evaluate((canvas) => {
    const small = new OffscreenCanvas(64, 64);
    const context = small.getContext("2d");
    context?.drawImage(canvas as HTMLCanvasElement, 0, 0, 64, 64);
    const data = context?.getImageData(0, 0, 64, 64).data ?? [];
    return Array.from({ length: 64 * 64 }, (_, i) => ((data[4 * i] ?? 0) + (data[4 * i + 1] ?? 0) + (data[4 * i + 2] ?? 0)) / 3);
  });
}

/** Mean difference in grey levels. */
export function difference(a: readonly number[], b: readonly number[]): number {
  return a.reduce((sum, value, i) => sum + Math.abs(value - (b[i] ?? 0)), 0) / a.length;
}

/** No violation of the accessibility rules, in light and in dark. */
export async function expectAccessible(page: Page): Promise<void> {
  for (const colorScheme of ["light", "dark"] as const) {
    await page.emulateMedia({ colorScheme, reducedMotion: "reduce" }); // colours in transition have no contrast yet
    const { violations } = await new AxeBuilder({ page }).analyze();
    const found = violations.map(({ id, nodes }) => `${colorScheme}: ${id}: ${nodes.map(({ html }) => html).join(" ")}`);
    expect(found).toEqual([]);
  }
  await page.emulateMedia({ colorScheme: null, reducedMotion: null });
}

export const choosePhoto = (page: Page, file: Parameters<ReturnType<Page["locator"]>["setInputFiles"]>[0]): Promise<void> =>
  page.locator("input[type=file][accept='image/*']").first().setInputFiles(file);
