/** What the built site holds besides Vite's own output, and the headers under which it is served. */

import { createHash } from "node:crypto";
import { cpSync, createReadStream, existsSync, mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { dirname, extname, join, normalize, relative, resolve, sep } from "node:path";
import type { Connect, Plugin } from "vite";
import { ON_DEMAND } from "../src/offline/names.ts";

const ROOT = resolve(import.meta.dirname, "..");
/** Another one, made by `vivant export`, can take the place of the shipped bundle. */
const BUNDLE = resolve(ROOT, process.env["VIVANT_BUNDLE"] ?? "../models/bundle");
const RUNTIME = dirname(createRequire(import.meta.url).resolve("onnxruntime-web/ort-wasm-simd-threaded.wasm"));
/** ONNX Runtime's builds that the worker may ask for: see src/worker/runtime.ts. */
const RUNTIME_FILE = /^ort-wasm-simd-threaded(\.asyncify|\.jspi)?\.(mjs|wasm)$/;
const MIME: Readonly<Record<string, string>> = {
  ".json": "application/json",
  ".mjs": "text/javascript",
  ".wasm": "application/wasm",
};

/** The headers of `public/_headers`, which every way of serving the site shares. */
export function siteHeaders(): Record<string, string> {
  const lines = readFileSync(join(ROOT, "public/_headers"), "utf8").split("\n");
  const pairs = lines.filter((line) => line.startsWith("  ")).map((line) => line.trim().split(/:\s+(.*)/, 2));
  return Object.fromEntries(pairs.map(([name, value]) => [name ?? "", value ?? ""]));
}

/** Serves or copies the models' bundle into `bundle/` and ONNX Runtime's WebAssembly into `ort/`. */
export function modelsAndRuntime(): Plugin {
  let output: string | null = null;
  const folders: readonly (readonly [string, string, (name: string) => boolean])[] = [
    ["bundle", BUNDLE, () => true],
    ["ort", RUNTIME, (name) => RUNTIME_FILE.test(name)],
  ];
  const serve: Connect.NextHandleFunction = (request, response, next) => {
    const path = normalize(decodeURIComponent((request.url ?? "/").split("?")[0] ?? "/")).slice(1);
    for (const [name, folder, wanted] of folders) {
      const file = join(folder, path.slice(name.length + 1));
      if (!path.startsWith(name + sep) || !file.startsWith(folder) || !wanted(relative(folder, file))) continue;
      if (!existsSync(file) || !statSync(file).isFile()) break;
      response.setHeader("Content-Type", MIME[extname(file)] ?? "application/octet-stream");
      createReadStream(file).pipe(response);
      return;
    }
    next();
  };
  return {
    name: "vivant:models-and-runtime",
    configResolved(config) {
      if (config.command === "build") output = resolve(config.root, config.build.outDir);
    },
    configureServer(server) {
      server.middlewares.use(serve);
    },
    closeBundle() {
      if (output === null) return; // a server that closes, of a page or of tests, has made nothing
      if (!existsSync(join(BUNDLE, "manifest.json"))) throw new Error(`${BUNDLE} holds no bundle.`);
      for (const [name, folder, wanted] of folders) {
        mkdirSync(join(output, name), { recursive: true });
        for (const file of readdirSync(folder).filter(wanted)) {
          cpSync(join(folder, file), join(output, name, file), { recursive: true });
        }
      }
    },
  };
}

/** Puts the content security policy into the page, for hosts that cannot send headers. */
export function policyInPage(): Plugin {
  return {
    name: "vivant:policy-in-page",
    apply: "build",
    transformIndexHtml() {
      const policy = siteHeaders()["Content-Security-Policy"] ?? "";
      // A page cannot say who may frame it: browsers heed that only in a header.
      const content = policy.split("; ").filter((part) => !part.startsWith("frame-ancestors")).join("; ");
      return [{ tag: "meta", attrs: { "http-equiv": "Content-Security-Policy", content }, injectTo: "head-prepend" }];
    },
  };
}

/** Tells the service worker which files make up the site: those to have before it goes offline. */
export function precacheList(): Plugin {
  let output = "";
  return {
    name: "vivant:precache-list",
    apply: "build",
    configResolved(config) {
      output = resolve(config.root, config.build.outDir);
    },
    closeBundle: {
      order: "post",
      handler() {
        const worker = join(output, "sw.js");
        if (!existsSync(worker)) return;
        const names = readdirSync(output, { recursive: true, withFileTypes: true })
          .filter((entry) => entry.isFile())
          .map((entry) => relative(output, join(entry.parentPath, entry.name)).split(sep).join("/"))
          // The models have a store of their own.
          .filter((name) => !ON_DEMAND.test(name) && !/^bundle\/|^sw\.js|^_headers$|\.map$/.test(name))
          .sort();
        const hash = createHash("sha256");
        for (const name of names) hash.update(name).update(readFileSync(join(output, name)));
        const source = readFileSync(worker, "utf8")
          .replace(/["'`]__FILES__["'`]/, JSON.stringify(names.map((name) => name.replace(/^index\.html$/, "./"))))
          .replace("__VERSION__", hash.digest("hex").slice(0, 16));
        writeFileSync(worker, source);
      },
    },
  };
}
