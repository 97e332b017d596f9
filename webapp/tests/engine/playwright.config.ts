/** The engine in real Chromium: the harness is built and served as the site is. */

import { defineConfig } from "@playwright/test";

export const PORT = 4179;

export default defineConfig({
  testDir: ".",
  testMatch: "*.pw.ts",
  outputDir: "../../test-results/engine",
  timeout: 180_000,
  workers: 1, // timings and two processors
  reporter: "list",
  webServer: {
    command: `npx vite build --mode harness && npx vite preview --mode harness --outDir dist-harness --host 127.0.0.1 --port ${PORT} --strictPort`,
    cwd: "../..",
    port: PORT,
    timeout: 120_000,
    reuseExistingServer: false,
  },
});
