import { describe, expect, test } from "vitest";
import { filesOf, parseManifest } from "../../src/worker/manifest";
import { manifestJson, shippedManifest } from "./bundle";

describe("the manifest", () => {
  test("of the shipped bundle names every graph, every preset and what a host needs", () => {
    const manifest = shippedManifest();
    expect(manifest.host.gains).toEqual(["pose", "expression", "eyes", "lips", "gaze"]);
    expect(filesOf(manifest)).toHaveLength(10 + Object.keys(manifest.presets).length);
  });

  test("gives render everything it takes from encode, besides the target", () => {
    const { encode, render } = shippedManifest().graphs;
    const given = encode.outputs.map(({ name }) => name);
    expect(render.inputs.map(({ name }) => name).filter((name) => !given.includes(name))).toEqual(["target"]);
  });

  test.each([
    ["no object", null],
    ["another format", { ...manifestJson(), format: "vivant-bundle-9" }],
    ["no host", { ...manifestJson(), host: undefined }],
    ["no graphs", { ...manifestJson(), graphs: {} }],
    ["a file elsewhere", { ...manifestJson(), presets: { x: { file: "../x", bytes: 1, sha256: "0".repeat(64) } } }],
    ["a file of another host", { ...manifestJson(), presets: { x: { file: "http://a", bytes: 1, sha256: "0".repeat(64) } } }],
    ["no hash", { ...manifestJson(), presets: { x: { file: "x", bytes: 1, sha256: "" } } }],
  ])("with %s is refused", (_, data) => {
    expect(() => parseManifest(data)).toThrow(expect.objectContaining({ code: "bundle-broken" }));
  });
});
