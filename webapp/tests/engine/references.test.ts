/** More photos of one person: what lends after which requests, and in what order things are done. */

import { beforeEach, describe, expect, test, vi } from "vitest";
import { EngineError } from "../../src/engine/types";
import { findFaces, fitFaces } from "../../src/worker/faces";
import type { Graphs } from "../../src/worker/graphs";
import { decodePhoto, type Picture } from "../../src/worker/picture";
import type { Portrait } from "../../src/worker/portrait";
import { Queue } from "../../src/worker/queue";
import { References } from "../../src/worker/references";
import type { Values } from "../../src/worker/renderer";
import { shippedManifest } from "./bundle";

vi.mock("../../src/worker/picture");
vi.mock("../../src/worker/faces");

/** Photos that were on this device when they were added, and are there no more. */
const gone = new Set<Blob>();

beforeEach(() => {
  gone.clear();
  vi.mocked(decodePhoto).mockImplementation(async (file) => {
    if (gone.has(file) || file.size === 0) throw new EngineError("not-an-image", "nothing to read");
    return { pixels: new Uint8Array(await file.arrayBuffer()), width: 4, height: 3, channels: 3 };
  });
  const face = { landmarks: Float32Array.of(1), presence: 1, nextRegion: new Float32Array(), box: [0, 0, 2, 2] as const };
  vi.mocked(findFaces).mockResolvedValue([face]);
  vi.mocked(fitFaces).mockReturnValue([face]);
});

/** Further photos for a portrait that remembers what it was lent: the bytes of the photos, in their order. */
function portraitWithOthers() {
  const lent: (readonly number[])[] = [];
  const told = (values: Values | null) => [...(values?.["bytes"]?.data ?? [])];
  const portrait = {
    refer: async (known: Values | null, photo: Picture): Promise<Values> => {
      const data = Float32Array.of(...told(known), ...photo.pixels);
      return { bytes: { data, dims: [data.length] } };
    },
    lend: async (all: Values | null) => void lent.push(told(all)),
  };
  const references = new References({ manifest: shippedManifest() } as Graphs, portrait as unknown as Portrait);
  const add = async (id: number, file = photo(id)) => references.lend((await references.examine(id, file)).lenders);
  const remove = async (id: number) => {
    const { lenders, lost } = await references.without(id);
    await references.lend(lenders);
    return lost;
  };
  return { lent, references, add, remove };
}

const photo = (byte: number) => new Blob([Uint8Array.of(byte)]);

describe("the portrait", () => {
  test("is lent mouth and eyes by all photos, and by those that are left", async () => {
    const { lent, add, remove } = portraitWithOthers();
    for (const id of [4, 7, 9]) await add(id);
    for (const id of [4, 9, 7]) expect(await remove(id)).toEqual([]);
    expect(lent).toEqual([[4], [4, 7], [4, 7, 9], [7, 9], [7], []]);
  });

  test("keeps what it has while a photo is examined, or cannot be used", async () => {
    const { lent, references, add } = portraitWithOthers();
    await add(4);
    await references.examine(5, photo(5));
    await expect(references.examine(6, new Blob())).rejects.toMatchObject({ code: "not-an-image" });
    await add(7);
    expect(lent).toEqual([[4], [4, 7]]);
  });

  test("does without photos that cannot be read again", async () => {
    const { lent, add, remove } = portraitWithOthers();
    const files = [photo(1), photo(2), photo(3)];
    for (const [i, file] of files.entries()) await add(i + 1, file);
    for (const file of files.slice(0, 2)) gone.add(file);
    expect(await remove(1)).toEqual([2]);
    expect(lent.at(-1)).toEqual([3]);
  });

  test("does not mind the removal of one that it never had", async () => {
    const { lent, add, remove } = portraitWithOthers();
    await add(4);
    expect(await remove(5)).toEqual([]);
    expect(lent.at(-1)).toEqual([4]);
  });

  test("takes no more photos than the manifest allows, its own among them", async () => {
    const { references, add, remove } = portraitWithOthers();
    const most = shippedManifest().host.photo.max_count;
    for (let id = 1; id < most; id++) await add(id);
    await expect(references.examine(most, photo(0))).rejects.toMatchObject({ code: "too-many-photos" });
    await remove(1);
    await expect(references.examine(most, photo(0))).resolves.toMatchObject({ width: 4, height: 3, box: [0, 0, 2, 2] });
  });
});

test("a queue keeps its order, also after a failure", async () => {
  const queue = new Queue();
  const done: string[] = [];
  const slow = queue.run(async () => {
    await new Promise((resolve) => setTimeout(resolve, 20));
    done.push("slow");
    throw new Error("no");
  });
  const quick = queue.run(async () => void done.push("quick"));
  await expect(slow).rejects.toThrow("no");
  await quick;
  await queue.idle();
  expect(done).toEqual(["slow", "quick"]);
});
