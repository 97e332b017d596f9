import { describe, expect, test } from "vitest";
import { parseTrack } from "../../src/worker/tracks";
import { bundleFile, shippedManifest } from "./bundle";

/** A safetensors file of two frames, two shapes and one landmark. */
function made(change: Record<string, unknown> = {}): ArrayBuffer {
  const values = {
    rotation: [[2, 3, 3], [1, 0, 0, 0, 1, 0, 0, 0, 1, 0, -1, 0, 1, 0, 0, 0, 0, 1]],
    translation: [[2, 3], [0, 0, 0, 1, 2, 0]],
    scale: [[2], [0, 0.5]],
    expression: [[2, 2], [1, 0, 2, 3]],
    basis: [[2, 1, 3], [1, 0, 0, 0, 1, 10]],
  } as const;
  const header: Record<string, unknown> = {
    __metadata__: { format: "vivant-motion-1", fps: "25.0", loop: "true", title: "Made", ...change },
  };
  const data: number[] = [];
  for (const [name, [shape, numbers]] of Object.entries(values)) {
    header[name] = { dtype: "F32", shape, data_offsets: [4 * data.length, 4 * (data.length + numbers.length)] };
    data.push(...numbers);
  }
  const text = new TextEncoder().encode(JSON.stringify(header));
  const file = new Uint8Array(8 + text.length + 4 * data.length);
  new DataView(file.buffer).setBigUint64(0, BigInt(text.length), true);
  file.set(text, 8);
  file.set(new Uint8Array(Float32Array.from(data).buffer), 8 + text.length);
  return file.buffer;
}

describe("a motion track", () => {
  test("expands a frame's shares of the shapes", () => {
    const frame = parseTrack(made()).frame(1);
    expect([...frame.expression]).toEqual([2, 3, 30]);
    expect([...frame.translation]).toEqual([1, 2, 0]);
    expect([...frame.scale]).toEqual([0.5]);
    expect([...frame.rotation].slice(0, 3)).toEqual([0, -1, 0]);
  });

  test("goes on for ever if it is a loop, and stays at its ends if not", () => {
    expect([...parseTrack(made()).frame(3).scale]).toEqual([0.5]);
    expect([...parseTrack(made()).frame(-2).scale]).toEqual([0]);
    expect([...parseTrack(made({ loop: "false" })).frame(7).scale]).toEqual([0.5]);
  });

  test.each([
    ["an empty file", new ArrayBuffer(0)],
    ["a cut file", made().slice(0, -4)],
    ["another format", made({ format: "other" })],
    ["no frame rate", made({ fps: "none" })],
  ])("that is %s is refused", (_, file) => {
    expect(() => parseTrack(file)).toThrow(expect.objectContaining({ code: "bundle-broken" }));
  });

  const { presets, graphs } = shippedManifest();
  test.each(Object.entries(presets))("of the bundle, %s, fits the graph retarget", (_, { file }) => {
    const track = parseTrack(bundleFile(file));
    const frame = track.frame(track.length - 1);
    for (const [name, values] of Object.entries(frame)) {
      const shape = graphs.retarget.inputs.find((input) => input.name === name)?.shape ?? [NaN];
      expect(values).toHaveLength(shape.reduce<number>((n, d) => n * Number(d), 1));
      expect(values.every(Number.isFinite)).toBe(true);
    }
  });
});
