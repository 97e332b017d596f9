/** Prints what a first visit downloads, compressed, file by file; fails above the limit. */

import { readdirSync, readFileSync } from "node:fs";
import { extname, join, relative, resolve, sep } from "node:path";
import { gzipSync } from "node:zlib";

const LIMIT_MB = 16;
const DIST = resolve(import.meta.dirname, "../dist");
/** Hosts compress texts and WebAssembly; the models go over the line as they are. */
const COMPRESSED = new Set([".html", ".js", ".mjs", ".css", ".json", ".wasm", ".svg", ".webmanifest"]);
/** Of ONNX Runtime's builds a browser loads one: see src/worker/runtime.ts. */
const BUILDS = [
  ["CPU only", ""],
  ["WebGPU with JSPI", ".jspi"],
  ["WebGPU without JSPI", ".asyncify"],
];

const files = readdirSync(DIST, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => {
    const name = relative(DIST, join(entry.parentPath, entry.name)).split(sep).join("/");
    const content = readFileSync(join(DIST, name));
    const sent = COMPRESSED.has(extname(name)) ? gzipSync(content, { level: 6 }).length : content.length;
    return { name, bytes: content.length, sent };
  })
  .sort((a, b) => b.sent - a.sent);

const isRuntime = ({ name }) => name.startsWith("ort/");
const ofBuild = (flavour) => (file) => /ort-wasm-simd-threaded(\.\w+)?\.(wasm|mjs)$/.exec(file.name)?.[1] === (flavour || undefined);
const mb = (bytes) => (bytes / 1e6).toFixed(3).padStart(8);

console.log("      MB  sent MB  file");
for (const { name, bytes, sent } of files) console.log(`${mb(bytes)} ${mb(sent)}  ${name}`);
const sum = (some) => some.reduce((total, { sent }) => total + sent, 0);
const others = sum(files.filter((file) => !isRuntime(file) && !file.name.startsWith("_")));
let worst = 0;
for (const [name, flavour] of BUILDS) {
  const total = others + sum(files.filter((file) => isRuntime(file) && ofBuild(flavour)(file)));
  worst = Math.max(worst, total);
  console.log(`${mb(total)} MB for a first visit, ${name} (limit ${LIMIT_MB} MB)`);
}
if (worst > LIMIT_MB * 1e6) {
  console.error(`A first visit downloads more than ${LIMIT_MB} MB.`);
  process.exit(1);
}
