/** The view that tells what files say of themselves: it agrees with `vivant inspect`, whoever made the file. */

import { type Browser, expect, type Page, test } from "@playwright/test";
import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { ASTRONAUT, expectAccessible, launch, type Visit, visit } from "./browser";

test.describe.configure({ mode: "serial" });

const REPOSITORY = resolve(import.meta.dirname, "../../..");
const PYTHON = process.env["VIVANT_PYTHON"] ?? join(REPOSITORY, ".venv/bin/python");
test.skip(!existsSync(PYTHON), "there is no Python to make signed files with");

/** Signed files of every kind, one of them by somebody with an authority's certificate, one without label; and a plain one. */
const MAKE = `
import dataclasses, sys
from pathlib import Path
from marked import ORIGIN, issue, signer, write_clip
from vivant.runtime.credentials import load_credentials
folder = Path(sys.argv[1])
for name in ("clip.mp4", "clip.webm", "clip.gif", "frames"):
    write_clip(folder / name, signer())
for name, organization in (("issued.mp4", "Test Studio"), ("nameless.mp4", None)):
    issued = issue(folder, organization=organization)
    write_clip(folder / name, signer(credentials=load_credentials(issued.certificate, issued.key)))
write_clip(folder / "bare.gif", signer(dataclasses.replace(ORIGIN, label=None)))
write_clip(folder / "plain.mp4", None)
write_clip(folder / "other.webm", signer(), count=2)
`;

let folder = "";
let browser: Browser;
let visitor: Visit;
let page: Page;
test.beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "vivant-inspect-"));
  const env = { ...process.env, PYTHONPATH: join(REPOSITORY, "tests"), XDG_CONFIG_HOME: folder };
  execFileSync(PYTHON, ["-c", MAKE, folder], { cwd: "/", env });
  for (const name of ["clip.mp4", "clip.webm", "clip.gif", "frames/00001.png"]) {
    const content = readFileSync(join(folder, name));
    const place = content.length - Math.floor(content.length / 5);
    content[place] = (content[place] ?? 0) ^ 1;
    writeFileSync(join(folder, `changed-${name.replace("frames/", "")}`), content);
  }
  writeFileSync(join(folder, "changed-clip.c2pa"), readFileSync(join(folder, "clip.c2pa")));
  writeFileSync(join(folder, "notes.txt"), "no picture");
  browser = await launch();
  visitor = await visit(browser, { asleep: true });
  page = visitor.page;
});
test.afterEach(() => { expect(visitor.complaints).toEqual([]); });
test.afterAll(async () => { await browser.close(); });

const report = (name: string) => page.getByRole("article", { name, exact: true });

async function choose(...names: string[]): Promise<void> {
  await page.locator(".inspect input[type=file]").setInputFiles(names.map((name) => resolve(folder, name)));
}

test("the footer leads there by keyboard, and it is accessible", async () => {
  await page.getByRole("link", { name: "Inspect a file" }).press("Enter");
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("What does a file say of itself?");
  await expect(page.getByRole("heading", { level: 1 })).toBeFocused();
  await expect(page).toHaveTitle("vivant: what a file says of itself");
  await expectAccessible(page);
});

for (const [names, state] of [
  [["clip.mp4"], "self-signed"],
  [["clip.webm", "clip.c2pa"], "self-signed"],
  [["clip.gif"], "self-signed"],
  [["frames/00001.png"], "self-signed"],
  [["issued.mp4"], "valid"],
  [["nameless.mp4"], "valid"],
  [["changed-clip.mp4"], "broken"],
  [["changed-clip.webm", "changed-clip.c2pa"], "broken"],
  [["changed-clip.gif"], "broken"],
  [["changed-00001.png"], "broken"],
  [["plain.mp4"], "absent"],
  [[ASTRONAUT], "absent"],
  [["notes.txt"], "unreadable"],
] as const) {
  test(`${names[0].split("/").at(-1)} is ${state}, for Python as well`, async () => {
    await choose(...names);
    const told = report(names[0].split("/").at(-1) ?? "");
    await expect(told.locator(".verdict strong")).toHaveText(state);
    const cli = spawnSync(PYTHON, ["-m", "vivant", "inspect", "--json", "--no-watermark", resolve(folder, names[0])], { cwd: "/", encoding: "utf8" });
    expect((JSON.parse(cli.stdout) as { state: string }).state).toBe(state);
  });
}

test("what the manifest says is shown", async () => {
  await choose("clip.mp4");
  const told = report("clip.mp4");
  const sha256 = Array.from({ length: 32 }, (_, i) => i.toString(16).padStart(2, "0")).join("");
  for (const words of ["nobody vouches", "vivant 0.", "Self-signed by a vivant user", "talk", "anna.jpg", sha256, "“AI-animated” in every frame"]) {
    await expect(told).toContainText(words);
  }
  await choose("bare.gif");
  await expect(report("bare.gif")).toContainText("removed by the user’s own choice");
});

test("a WebM wants its manifest, and no other", async () => {
  await choose("clip.webm");
  await expect(report("clip.webm")).toContainText("absent");
  await expect(report("clip.webm")).toContainText("Choose both files together");
  await choose("clip.webm", "other.c2pa");
  await expect(report("clip.webm")).toContainText("broken");
  await choose("clip.c2pa");
  await expect(report("clip.c2pa")).toContainText("Choose both files together");
});

test("several files are dropped at once, told in every language, on a phone, and accessible", async () => {
  const content = readFileSync(join(folder, "clip.gif")).toString("base64");
  await page.setViewportSize({ width: 360, height: 740 });
  await page.evaluate((base64) => {
    const bytes = Uint8Array.from(atob(base64), (c) => c.charCodeAt(0));
    const transfer = new DataTransfer();
    for (const name of ["one.gif", "a-very-long-name-that-nothing-breaks-anywhere-in-the-middle-of-it.gif"]) transfer.items.add(new File([bytes], name));
    transfer.items.add(new File(["x"], "none.txt"));
    window.dispatchEvent(new DragEvent("drop", { dataTransfer: transfer, bubbles: true, cancelable: true }));
  }, content);
  await expect(page.getByRole("article")).toHaveCount(3);
  await expect(page.getByRole("status").first()).toContainText("one.gif: self-signed");
  expect(await page.evaluate(() => document.documentElement.scrollWidth)).toBe(360);
  await expectAccessible(page);
  for (const [language, word] of [["de", "selbst signiert"], ["fr", "auto-signé"], ["en", "self-signed"]] as const) {
    await page.getByRole("combobox").selectOption(language);
    await expect(report("one.gif").locator(".verdict strong")).toHaveText(word);
  }
});

test("the way back leads to the first view", async () => {
  await page.getByRole("link", { name: "Back to the portraits" }).click();
  await expect(page.getByRole("heading", { level: 1 })).toHaveText("One photo, alive.");
  await expect(page.getByRole("article")).toHaveCount(0);
});

test("without what reads credentials there is one sentence, and then another try", async () => {
  const { page, context } = await visit(browser, { asleep: true, serviceWorkers: "block" });
  await context.route("**/credentials/*.wasm", (route) => route.abort());
  await page.goto(`${page.url()}#inspect`);
  await page.locator(".inspect input[type=file]").setInputFiles(join(folder, "clip.gif"));
  await expect(page.getByRole("alert").filter({ hasText: "not on this device yet" })).toBeVisible();
  await context.unroute("**/credentials/*.wasm");
  await page.locator(".inspect input[type=file]").setInputFiles(join(folder, "clip.gif"));
  await expect(page.getByRole("article")).toContainText("self-signed");
  await context.close();
});
