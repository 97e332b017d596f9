/** The page with the real engine in real browsers: the site is built and served as it is for visitors. */

import { defineConfig } from "@playwright/test";

export const PORT = 4180;

export default defineConfig({
  testDir: ".",
  testMatch: "*.pw.ts",
  outputDir: "../../test-results/page",
  timeout: 120_000,
  expect: { timeout: 30_000 }, // two slow processors
  workers: 1,
  reporter: "list",
  webServer: {
    command: `npx vite build --outDir test-results/site && npx vite preview --outDir test-results/site --host 127.0.0.1 --port ${PORT} --strictPort`,
    cwd: "../..",
    port: PORT,
    timeout: 120_000,
    reuseExistingServer: false,
  },
});
