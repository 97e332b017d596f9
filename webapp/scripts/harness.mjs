/** What the benchmark and the endurance run share: the harness, built and served, opened in Chromium. */

import { chromium } from "@playwright/test";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { join, resolve } from "node:path";
import { build, preview } from "vite";

const ROOT = resolve(import.meta.dirname, "..");
const PYTHON = process.env.VIVANT_PYTHON ?? resolve(ROOT, "../.venv/bin/python");
export const SOFTWARE_GPU = ["--enable-unsafe-webgpu", "--use-webgpu-adapter=swiftshader"];

/** Builds and serves the harness; its address and how to end it. */
export async function serveHarness() {
  const common = { root: ROOT, mode: "harness", logLevel: "error" };
  await build(common);
  const server = await preview({ ...common, build: { outDir: "dist-harness" }, preview: { host: "127.0.0.1", port: 0 } });
  const { port } = server.httpServer.address();
  return { address: `http://127.0.0.1:${port}/tests/engine/harness.html`, close: () => server.close() };
}

/** A fresh Chromium with the harness opened. */
export async function openHarness(address, args = []) {
  const browser = await chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    ignoreDefaultArgs: ["--headless"],
    args: ["--headless=new", "--no-sandbox", "--autoplay-policy=no-user-gesture-required", ...args],
  });
  const page = await browser.newPage();
  await page.goto(address);
  await page.waitForFunction(() => "harness" in globalThis);
  return { browser, page };
}

/** Runs scripts/reference.py: native ONNX Runtime's frames and times in a folder. */
export function runReference(folder, ...options) {
  if (!existsSync(PYTHON)) throw new Error(`${PYTHON} is missing: native ONNX Runtime is needed beside the browser.`);
  execFileSync(PYTHON, [join(ROOT, "scripts/reference.py"), folder, ...options], { stdio: "inherit" });
}
