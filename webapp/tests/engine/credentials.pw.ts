/** Files that were damaged at random neither stop the worker that examines them nor pass for intact. */

import { expect, test } from "./browser";

const DAMAGED = 150;

test("damaged files are told from intact ones, whatever the damage", async ({ harnessPage }) => {
  const states = await harnessPage.evaluate(async (count) => {
    const { credentials } = harness;
    let seed = 1;
    const random = (below: number) => {
      seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
      return Math.floor((seed / 0x100000000) * below);
    };
    /** Bytes changed, cut out, put in, or the end cut off. */
    const damaged = (bytes: Uint8Array<ArrayBuffer>) => {
      const place = random(bytes.length);
      const [before, after] = [bytes.subarray(0, place), bytes.subarray(place)];
      const made = Uint8Array.from({ length: random(64) + 1 }, () => random(256));
      const kinds = [
        () => [before, new Uint8Array([(after[0] ?? 0) ^ (1 << random(8))]), after.subarray(1)],
        () => [before, after.subarray(random(300) + 1)],
        () => [before, made, after],
        () => [before, new Uint8Array(8).fill(255), after.subarray(8)],
        () => [before],
      ];
      return new Blob((kinds[random(kinds.length)] ?? (() => []))());
    };
    const canvas = new OffscreenCanvas(64, 48);
    canvas.getContext("2d")?.fillRect(8, 8, 20, 20);
    const png = await canvas.convertToBlob();
    const webm = new Blob([Uint8Array.of(0x1a, 0x45, 0xdf, 0xa3), crypto.getRandomValues(new Uint8Array(5000))]);
    const making = { photo: new File(["photo"], "anna.jpg"), motion: "nod", title: "clip", watermark: Uint8Array.of(1, 2, 3, 4) };
    const sign = harness.signerOf(making);
    const picture = (await sign(png, { format: "png", label: null })).file;
    const { sidecar } = await sign(webm, { format: "webm", label: null });
    const bytesOf = async (blob: Blob | null) => new Uint8Array((await blob?.arrayBuffer()) ?? new ArrayBuffer(0));
    const [pictureBytes, manifest] = [await bytesOf(picture), await bytesOf(sidecar)];
    const seen: Record<string, number> = {};
    for (let i = 0; i < count; i++) {
      const { state } = await (i % 2 ? credentials.examine(damaged(pictureBytes), null) : credentials.examine(webm, damaged(manifest)));
      seen[state] = (seen[state] ?? 0) + 1;
    }
    const intact = [await credentials.examine(picture, null), await credentials.examine(webm, sidecar)];
    return { seen, intact: intact.map(({ state }) => state), claims: intact[0]?.claims };
  }, DAMAGED);
  expect(states.intact).toEqual(["self-signed", "self-signed"]);
  expect(states.claims).toMatchObject({ motion: "nod", label: false, watermark: "01020304" });
  console.log(states.seen);
  expect(Object.keys(states.seen).filter((state) => !["broken", "absent", "unreadable", "self-signed"].includes(state))).toEqual([]);
  expect(states.seen["broken"]).toBeGreaterThan(DAMAGED / 2);
});
