/** The shipped bundle, for tests that look at it. */

import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { type Manifest, parseManifest } from "../../src/worker/manifest";

const FOLDER = resolve(import.meta.dirname, "../../../models/bundle");

export function bundleFile(name: string): ArrayBuffer {
  const { buffer, byteOffset, byteLength } = readFileSync(join(FOLDER, name));
  return (buffer as ArrayBuffer).slice(byteOffset, byteOffset + byteLength);
}

export function manifestJson(): Record<string, unknown> {
  return JSON.parse(readFileSync(join(FOLDER, "manifest.json"), "utf8"));
}

export function shippedManifest(): Manifest {
  return parseManifest(manifestJson());
}
