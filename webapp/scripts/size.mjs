/** Prints what a first visit downloads, compressed, file by file; fails above the limit. */

import { readdirSync, readFileSync } from "node:fs";
import { extname, join, relative, resolve, sep } from "node:path";
import { brotliCompressSync, constants, gzipSync } from "node:zlib";

const LIMIT_MB = 16;
const DIST = resolve(import.meta.dirname, "../dist");
/** Hosts compress texts and WebAssembly; the models go over the line as they are. */
const COMPRESSED = new Set([".html", ".js", ".mjs", ".css", ".json", ".wasm", ".svg", ".webmanifest"]);
/** As Cloudflare and Netlify compress; GitHub Pages knows only gzip. */
const BROTLI = { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } };
/** Of ONNX Runtime's builds a browser loads one (src/worker/runtime.ts), and the graphs made for it (manifest.ts). */
const BUILDS = [
  ["CPU only", "", "wasm"],
  ["WebGPU with JSPI", ".jspi", "webgpu"],
  ["WebGPU without JSPI", ".asyncify", "webgpu"],
];

const files = readdirSync(DIST, { recursive: true, withFileTypes: true })
  .filter((entry) => entry.isFile())
  .map((entry) => {
    const name = relative(DIST, join(entry.parentPath, entry.name)).split(sep).join("/");
    const content = readFileSync(join(DIST, name));
    const compressed = COMPRESSED.has(extname(name));
    const sent = compressed ? brotliCompressSync(content, BROTLI).length : content.length;
    const gzip = compressed ? gzipSync(content, { level: 6 }).length : content.length;
    return { name, bytes: content.length, sent, gzip };
  })
  .sort((a, b) => b.sent - a.sent);

const isRuntime = ({ name }) => name.startsWith("ort/");
/** What a portrait moves without is fetched once it moves (src/credentials; LATER_GRAPHS in src/worker/manifest.ts). */
const isLater = ({ name }) => /^(credentials\/|bundle\/(refer|watermark_))/.test(name);
const ofBuild = (flavour) => (file) => /ort-wasm-simd-threaded(\.\w+)?\.(wasm|mjs)$/.exec(file.name)?.[1] === (flavour || undefined);
const mb = (bytes) => (bytes / 1e6).toFixed(3).padStart(8);

console.log("      MB   brotli     gzip  file");
for (const { name, bytes, sent, gzip } of files) console.log(`${mb(bytes)} ${mb(sent)} ${mb(gzip)}  ${name}`);
const sum = (some, key) => some.reduce((total, file) => total + file[key], 0);
let worst = 0;
const { graphs, variants } = JSON.parse(readFileSync(join(DIST, "bundle/manifest.json"), "utf8"));
for (const [name, flavour, target] of BUILDS) {
  const fitting = variants.filter((variant) => variant.target === target && variant.needs.length === 0);
  const replaced = fitting.map((variant) => graphs[variant.graph]);
  const unfit = variants.filter((variant) => !fitting.includes(variant));
  const left = new Set([...replaced, ...unfit].map(({ file }) => `bundle/${file}`));
  const visited = files.filter((file) => (isRuntime(file) ? ofBuild(flavour)(file) : !file.name.startsWith("_") && !isLater(file) && !left.has(file.name)));
  const total = sum(visited, "sent");
  worst = Math.max(worst, total);
  console.log(`${mb(total)} MB (${mb(sum(visited, "gzip")).trim()} with gzip) for a first visit, ${name}; limit ${LIMIT_MB} MB`);
}
const later = files.filter(isLater);
console.log(`${mb(sum(later, "sent"))} MB (${mb(sum(later, "gzip")).trim()} with gzip) more once a portrait moves: what marks and signs files, and what further photos need`);
if (worst > LIMIT_MB * 1e6) {
  console.error(`A first visit downloads more than ${LIMIT_MB} MB.`);
  process.exit(1);
}
