import { describe, expect, test } from "vitest";
import { filesOf, filesToStart, fitted, GRAPHS, LATER_GRAPHS, parseManifest } from "../../src/worker/manifest";
import { manifestJson, shippedManifest } from "./bundle";

describe("the manifest", () => {
  test("of the shipped bundle names every graph, every preset and what a host needs", () => {
    const manifest = shippedManifest();
    expect(manifest.host.gains).toEqual(["pose", "expression", "eyes", "lips", "gaze"]);
    const presets = Object.keys(manifest.presets).length;
    expect(filesOf(manifest)).toHaveLength(GRAPHS.length + LATER_GRAPHS.length + manifest.variants.length + presets);
  });

  test.each(["webgpu", "wasm"] as const)("fitted to %s has the graphs that were made for it, each once", (target) => {
    const manifest = shippedManifest();
    const host = fitted(manifest, target);
    expect(host.graphs.render.file).toContain(target);
    expect(host.graphs.track).toBe(manifest.graphs.track);
    expect(filesToStart(host)).toHaveLength(GRAPHS.length + Object.keys(manifest.presets).length);
    expect(filesToStart(host).filter(({ file }) => /^(refer|watermark)/.test(file))).toEqual([]);
  });

  test("fitted leaves out what needs a feature of the GPU", () => {
    const manifest = shippedManifest();
    const variants = manifest.variants.map((variant) => ({ ...variant, needs: ["shader-f16"] }));
    expect(fitted({ ...manifest, variants }, "webgpu").graphs).toEqual(manifest.graphs);
  });

  test("gives render everything it takes from encode, besides the target", () => {
    for (const target of ["webgpu", "wasm"] as const) {
      const { encode, render } = fitted(shippedManifest(), target).graphs;
      const given = encode.outputs.map(({ name }) => name);
      expect(render.inputs.map(({ name }) => name).filter((name) => !given.includes(name))).toEqual(["target"]);
    }
  });

  test.each([
    ["no object", null],
    ["another format", { ...manifestJson(), format: "vivant-bundle-9" }],
    ["no host", { ...manifestJson(), host: undefined }],
    ["no variants", { ...manifestJson(), variants: undefined }],
    ["no graphs", { ...manifestJson(), graphs: {} }],
    ["no watermark", { ...manifestJson(), watermark: undefined }],
    ["a file elsewhere", { ...manifestJson(), presets: { x: { file: "../x", bytes: 1, sha256: "0".repeat(64) } } }],
    ["a file of another host", { ...manifestJson(), presets: { x: { file: "http://a", bytes: 1, sha256: "0".repeat(64) } } }],
    ["no hash", { ...manifestJson(), presets: { x: { file: "x", bytes: 1, sha256: "" } } }],
  ])("with %s is refused", (_, data) => {
    expect(() => parseManifest(data)).toThrow(expect.objectContaining({ code: "bundle-broken" }));
  });
});
