/** A real Chromium with the harness opened, which fails on any request to elsewhere and on any breach of the policy. */

import { test as base, type BrowserContext, chromium, expect, type Page } from "@playwright/test";
import { execFileSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import type { Harness } from "./harness";
import { PORT } from "./playwright.config";

declare global {
  var harness: Harness;
}

export const ORIGIN = `http://127.0.0.1:${PORT}`;
export const HARNESS = `${ORIGIN}/tests/engine/harness.html`;
export const REPOSITORY = resolve(import.meta.dirname, "../../..");
export const CHROMIUM = process.env["CHROMIUM"] ?? "/usr/bin/chromium";
export const SOFTWARE_GPU = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];
export const ASTRONAUT = readFileSync(join(REPOSITORY, "models/samples/astronaut.jpg"));

/** Chromium without a window; Playwright's own builds are not needed. */
export function launch(args: readonly string[] = []): ReturnType<typeof chromium.launch> {
  return chromium.launch({
    executablePath: CHROMIUM,
    headless: true,
    ignoreDefaultArgs: ["--headless"],
    args: ["--headless=new", "--no-sandbox", "--autoplay-policy=no-user-gesture-required", ...args],
  });
}

/** The harness in a page; whatever it must not do ends in `complaints`. */
export async function openHarness(context: BrowserContext, complaints: string[]): Promise<Page> {
  context.on("request", (request) => {
    if (!/^(blob|data):/.test(request.url()) && !request.url().startsWith(ORIGIN)) {
      complaints.push(`request to ${request.url()}`);
    }
  });
  context.on("console", (message) => {
    if (/content security policy/i.test(message.text())) complaints.push(message.text());
  });
  const page = await context.newPage();
  page.on("pageerror", (error) => complaints.push(String(error)));
  await page.goto(HARNESS);
  await page.waitForFunction(() => "harness" in globalThis);
  return page;
}

export interface EngineFixtures {
  readonly args: readonly string[];
  readonly complaints: string[];
  readonly harnessPage: Page;
}

export const test = base.extend<EngineFixtures>({
  args: [[], { option: true }],
  complaints: [
    async ({}, use) => {
      const complaints: string[] = [];
      await use(complaints);
      expect(complaints).toEqual([]);
    },
    { auto: true },
  ],
  harnessPage: async ({ args, complaints }, use) => {
    const browser = await launch(args);
    await use(await openHarness(await browser.newContext(), complaints));
    await browser.close();
  },
});
export { expect };

/** Starts the engine in the page as `globalThis.engine`; `photo` is what `readPhoto` finds there. */
export async function startEngine(page: Page, backend: "wasm" | "wasm-threads" | "webgpu" = "wasm-threads"): Promise<void> {
  await page.waitForFunction(() => "harness" in globalThis);
  await page.evaluate(async (wanted) => {
    await harness.start(wanted);
  }, backend);
}

/** Frames and times of native ONNX Runtime: see scripts/reference.py. Null where there is no Python to make them. */
export function nativeReference(...options: string[]): string | null {
  const python = process.env["VIVANT_PYTHON"] ?? join(REPOSITORY, ".venv/bin/python");
  if (!existsSync(python)) return null;
  const folder = mkdtempSync(join(tmpdir(), "vivant-reference-"));
  execFileSync(python, [join(REPOSITORY, "webapp/scripts/reference.py"), folder, ...options]);
  return folder;
}
