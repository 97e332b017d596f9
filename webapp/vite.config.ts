import { existsSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { defaultClientConditions, defineConfig } from "vite";
import { modelsAndRuntime, policyInPage, precacheList, siteHeaders } from "./scripts/site.ts";

/** Of the Python package, which manifests name. */
const VERSION = /^version = "(.+)"$/m.exec(readFileSync(resolve(import.meta.dirname, "../pyproject.toml"), "utf8"))?.[1];

/** What signs has a folder of its own, because it is fetched after the first visit: see src/offline/names.ts. */
const output = {
  entryFileNames: (chunk: NamedChunk) => (chunk.name === "sw" ? "sw.js" : fileName(chunk, "js")),
  chunkFileNames: (chunk: NamedChunk) => fileName(chunk, "js"),
  assetFileNames: ({ names }: { readonly names: readonly string[] }) =>
    names.some((name) => name.startsWith("c2pa")) ? "credentials/[name]-[hash][extname]" : "assets/[name]-[hash][extname]",
};

interface NamedChunk {
  readonly name: string;
  readonly facadeModuleId: string | null;
}

function fileName({ facadeModuleId }: NamedChunk, extension: string): string {
  const lazy = /\/src\/credentials\/(worker|certificate)\.ts$/.test(facadeModuleId ?? "");
  return `${lazy ? "credentials" : "assets"}/[name]-[hash].${extension}`;
}

/** `--mode harness` builds the bare page of the engine's tests instead of the site. */
export default defineConfig(({ mode }) => {
  const page = mode === "harness" ? "tests/engine/harness.html" : "index.html";
  const serviceWorker = resolve(import.meta.dirname, "src/offline/sw.ts");
  return {
    base: "./",
    plugins: [modelsAndRuntime(), policyInPage(), precacheList()],
    // ONNX Runtime's WebAssembly is a file of its own, so that its threads do not load this site's worker.
    resolve: { conditions: ["onnxruntime-web-use-extern-wasm", ...defaultClientConditions] },
    optimizeDeps: { exclude: ["onnxruntime-web"] },
    define: { "import.meta.env.VIVANT_VERSION": JSON.stringify(VERSION) },
    worker: { format: "es", rollupOptions: { output } },
    build: {
      target: "es2023",
      outDir: mode === "harness" ? "dist-harness" : "dist",
      emptyOutDir: true,
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      rollupOptions: {
        input: { page, ...(existsSync(serviceWorker) ? { sw: serviceWorker } : {}) },
        output,
      },
    },
    server: { headers: siteHeaders() },
    preview: { headers: siteHeaders() },
  };
});
