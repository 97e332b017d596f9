/** No number of the models is written in TypeScript: whatever a host needs, it reads in the manifest. */

import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, test } from "vitest";
import { shippedManifest } from "./bundle";

const SOURCES = resolve(import.meta.dirname, "../../src");
const FOLDERS = ["engine", "worker"];
/** Numbers of file formats, and the sizes that a visitor may choose. */
const EXEMPT = new Set(["picture-size.ts", "types.ts"]);
const EVERYDAY = new Set([0, 1, 2, 3, 4, 5, 10, 20]);

/** Every number in a value, however deep. */
function numbersIn(value: unknown): number[] {
  if (typeof value === "number") return [value];
  return value !== null && typeof value === "object" ? Object.values(value).flatMap(numbersIn) : [];
}

/** Every numeric literal of a source outside of its comments. */
function literals(source: string): number[] {
  const code = source.replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, "").replace(/"[^"\n]*"/g, '""');
  return [...code.matchAll(/(?<![\w.#])(\d[\d_]*\.?\d*(?:e[+-]?\d+)?)(?![\w])/g)].map(([text]) => Number(text.replaceAll("_", "")));
}

const manifest = shippedManifest();
const tensors = Object.values(manifest.graphs).flatMap(({ inputs, outputs }) => [...inputs, ...outputs]);
const ofModels = new Set(
  [...numbersIn(manifest.host), ...numbersIn(manifest.thresholds), ...tensors.flatMap((t) => numbersIn([t.shape, t.range]))]
    .filter((number) => !EVERYDAY.has(number) && number !== 255),
);

test("the models have numbers to look for", () => {
  expect([...ofModels]).toEqual(expect.arrayContaining([33, 263, 478, 0.5, 1024]));
});

const files = FOLDERS.flatMap((folder) => readdirSync(join(SOURCES, folder)).map((name) => join(folder, name)));

test.each(files.filter((file) => !EXEMPT.has(file.split("/").at(-1) ?? "")))("%s holds none of them", (file) => {
  const found = literals(readFileSync(join(SOURCES, file), "utf8")).filter((number) => ofModels.has(number));
  expect(found).toEqual([]);
});

test("the search finds literals and overlooks comments", () => {
  expect(literals('const a = 33; // 263\n/* 478 */ f(1_024, 0.5, "77", x2)')).toEqual([33, 1024, 0.5]);
});
