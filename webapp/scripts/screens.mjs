/**
 * Takes pictures of every state of the page: phone, laptop and 4K, light and dark.
 *
 *   node scripts/screens.mjs [FOLDER [STATE...]]   all of them or these, PNG, into FOLDER (test-results/screens)
 *   node scripts/screens.mjs --readme FILE.jpg     the picture for the README: a laptop and a phone side by side
 *
 * Needs Chromium (environment variable CHROMIUM, /usr/bin/chromium by default).
 */

import { chromium } from "@playwright/test";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { build, preview } from "vite";

const ROOT = resolve(import.meta.dirname, "..");
const SITE = join(ROOT, "test-results/site");
const SAMPLES = resolve(ROOT, "../models/samples");
const PORT = 4181;
const SIZES = { phone: { width: 360, height: 740 }, laptop: { width: 1280, height: 800 }, "4k": { width: 3840, height: 2160 } };
const SCHEMES = ["light", "dark"];
const PATIENCE = 120_000;

/** What has to be scrolled into sight in a state. */
const IN_SIGHT = { person: ".others", photos: ".others" };

/** How to get from the first view to each state. */
const STATES = {
  start: async () => undefined,
  refused: async (page) => {
    await choose(page, { name: "notes.txt", mimeType: "text/plain", buffer: Buffer.from("no picture") });
  },
  privacy: async (page) => page.getByRole("link", { name: "How to check that yourself" }).click(),
  faces: async (page) => {
    await choose(page, await twoFaces(page.context().browser()));
    await page.locator(".face").first().waitFor({ timeout: PATIENCE });
  },
  "no-face": async (page) => {
    await choose(page, { name: "sky.png", mimeType: "image/png", buffer: await sky(page.context().browser()) });
    await page.locator(".panel [role=alert]").waitFor({ timeout: PATIENCE });
  },
  portrait: async (page) => enliven(page, "Smile"),
  person: async (page) => enliven(page, "Smile"),
  photos: async (page) => {
    await enliven(page, "Surprise");
    await page.locator(".others input").setInputFiles([
      ...["astronaut.jpg", "grace_hopper.jpg"].map((name) => ({ name, mimeType: "image/jpeg", buffer: readFileSync(join(SAMPLES, name)) })),
      { name: "sky.png", mimeType: "image/png", buffer: await sky(page.context().browser()) },
    ]);
    await page.locator(".others .refusals:not(:empty)").waitFor({ timeout: PATIENCE });
    await page.locator(".others progress").waitFor({ state: "detached", timeout: PATIENCE });
  },
  camera: async (page) => {
    await enliven(page, "At rest");
    await page.getByRole("button", { name: "Use my camera" }).click();
    await page.locator(".led-state:not(:empty)").waitFor({ timeout: PATIENCE });
  },
  details: async (page) => {
    await enliven(page, "Talk");
    await page.getByRole("button", { name: "Details" }).click();
    await page.locator(".figures").waitFor({ timeout: PATIENCE });
  },
  save: async (page) => {
    await enliven(page, "Laugh");
    await page.getByRole("button", { name: "Save", exact: true }).click();
  },
  saved: async (page) => {
    await enliven(page, "At rest");
    await page.getByRole("button", { name: "Pause" }).click();
    await page.getByRole("button", { name: "Save", exact: true }).click();
    await page.getByLabel("PNG").check();
    await page.getByLabel(/agreed to this/).check();
    await page.getByRole("button", { name: "Make the file" }).click();
    await page.getByRole("link", { name: "Download" }).waitFor({ timeout: PATIENCE });
  },
  inspect: async (page) => page.getByRole("link", { name: "Inspect a file" }).click(),
  inspected: async (page) => {
    await STATES.saved(page);
    const saving = page.waitForEvent("download");
    await page.getByRole("link", { name: "Download" }).click();
    const signed = readFileSync(await (await saving).path());
    const changed = Buffer.from(signed);
    changed[changed.length - 5000] ^= 1;
    await page.keyboard.press("Escape");
    await STATES.inspect(page);
    await page.locator(".inspect input[type=file]").setInputFiles([
      { name: "grace-hopper-at-rest.png", mimeType: "image/png", buffer: signed },
      { name: "changed.png", mimeType: "image/png", buffer: changed },
      { name: "astronaut.jpg", mimeType: "image/jpeg", buffer: readFileSync(join(SAMPLES, "astronaut.jpg")) },
    ]);
    await page.locator(".report").nth(2).getByText("not found").waitFor({ timeout: PATIENCE });
  },
};

async function main([first, ...others]) {
  await build({ root: ROOT, build: { outDir: SITE, emptyOutDir: true }, logLevel: "warn" });
  const server = await preview({ root: ROOT, build: { outDir: SITE }, preview: { port: PORT, strictPort: true, host: "127.0.0.1" } });
  const browser = await launch();
  try {
    if (first === "--readme") await takeReadme(browser, resolve(others[0]));
    else await takeAll(browser, resolve(first ?? join(ROOT, "test-results/screens")), others);
  } finally {
    await browser.close();
    await server.close();
  }
}

async function takeAll(browser, folder, wanted) {
  mkdirSync(folder, { recursive: true });
  for (const [state, reach] of Object.entries(STATES)) {
    if (wanted.length > 0 && !wanted.includes(state)) continue;
    const page = await open(browser, SIZES.laptop);
    await reach(page);
    for (const [size, viewport] of Object.entries(SIZES)) {
      for (const colorScheme of SCHEMES) {
        await page.setViewportSize(viewport);
        await page.emulateMedia({ colorScheme });
        if (state in IN_SIGHT) await page.locator(IN_SIGHT[state]).evaluate((element) => { element.scrollIntoView({ block: "end" }); });
        await page.waitForTimeout(600);
        await page.screenshot({ path: join(folder, `${state}-${size}-${colorScheme}.png`) });
      }
    }
    await page.context().close();
    console.log(state);
  }
}

async function takeReadme(browser, file) {
  const shots = [];
  for (const [viewport, scheme, preset] of [[SIZES.laptop, "light", "Smile"], [{ width: 390, height: 800 }, "dark", "Surprise"]]) {
    const page = await open(browser, viewport);
    await page.emulateMedia({ colorScheme: scheme });
    await enliven(page, preset);
    await page.waitForTimeout(1800); // in the middle of the motion
    shots.push((await page.screenshot()).toString("base64"));
    await page.context().close();
  }
  const bytes = await inBlankPage(browser, async ([laptop, phone]) => {
    const canvas = new OffscreenCanvas(1280 + 24 + 390, 800);
    const context = canvas.getContext("2d");
    for (const [shot, x] of [[laptop, 0], [phone, 1304]]) {
      const image = new Image();
      image.src = `data:image/png;base64,${shot}`;
      await image.decode();
      context.fillStyle = "#fff";
      context.fillRect(x - 24, 0, 24, 800);
      context.drawImage(image, x, 0);
    }
    const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.88 });
    return [...new Uint8Array(await blob.arrayBuffer())];
  }, shots);
  writeFileSync(file, bytes);
}

function launch() {
  return chromium.launch({
    executablePath: process.env.CHROMIUM ?? "/usr/bin/chromium",
    headless: true,
    ignoreDefaultArgs: ["--headless"],
    args: ["--headless=new", "--no-sandbox", "--hide-scrollbars", "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream"],
  });
}

async function open(browser, viewport) {
  const context = await browser.newContext({ viewport, locale: "en-GB", serviceWorkers: "block" });
  const page = await context.newPage();
  await page.goto(`http://127.0.0.1:${PORT}/`);
  return page;
}

async function choose(page, file) {
  await page.locator("input[type=file][accept='image/*']").first().setInputFiles(file);
  await page.waitForTimeout(300);
}

async function enliven(page, preset) {
  await page.getByRole("button", { name: "Begin with Grace Hopper" }).click();
  await page.locator("#portrait:not([hidden])").waitFor({ timeout: PATIENCE });
  await page.getByRole("button", { name: preset, exact: true }).click();
  await page.waitForFunction(() => /fps/.test(document.querySelector(".medium")?.textContent ?? ""), null, { timeout: PATIENCE });
}

async function twoFaces(browser) {
  const sources = ["astronaut.jpg", "grace_hopper.jpg"].map((name) => readFileSync(join(SAMPLES, name)).toString("base64"));
  const bytes = await inBlankPage(browser, async (shots) => {
    const canvas = new OffscreenCanvas(1024, 512);
    for (const [i, shot] of shots.entries()) {
      const image = new Image();
      image.src = `data:image/jpeg;base64,${shot}`;
      await image.decode();
      canvas.getContext("2d").drawImage(image, 0, 0, 512, 512, 512 * i, 0, 512, 512);
    }
    const blob = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.95 });
    return [...new Uint8Array(await blob.arrayBuffer())];
  }, sources);
  return { name: "Two portraits.jpg", mimeType: "image/jpeg", buffer: bytes };
}

function sky(browser) {
  return inBlankPage(browser, async () => {
    const canvas = new OffscreenCanvas(640, 480);
    const context = canvas.getContext("2d");
    const gradient = context.createLinearGradient(0, 0, 0, 480);
    gradient.addColorStop(0, "#48c");
    gradient.addColorStop(1, "#def");
    context.fillStyle = gradient;
    context.fillRect(0, 0, 640, 480);
    return [...new Uint8Array(await (await canvas.convertToBlob()).arrayBuffer())];
  });
}

async function inBlankPage(browser, make, argument) {
  const page = await browser.newPage();
  try {
    return Buffer.from(await page.evaluate(make, argument));
  } finally {
    await page.close();
  }
}

await main(process.argv.slice(2));
