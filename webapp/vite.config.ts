import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { defaultClientConditions, defineConfig } from "vite";
import { modelsAndRuntime, policyInPage, precacheList, siteHeaders } from "./scripts/site.ts";

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
    worker: { format: "es" },
    build: {
      target: "es2023",
      outDir: mode === "harness" ? "dist-harness" : "dist",
      emptyOutDir: true,
      assetsInlineLimit: 0,
      modulePreload: { polyfill: false },
      rollupOptions: {
        input: { page, ...(existsSync(serviceWorker) ? { sw: serviceWorker } : {}) },
        output: { entryFileNames: (chunk) => (chunk.name === "sw" ? "sw.js" : "assets/[name]-[hash].js") },
      },
    },
    server: { headers: siteHeaders() },
    preview: { headers: siteHeaders() },
  };
});
