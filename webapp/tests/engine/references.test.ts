/** More photos of one person: which lends the mouth, and in what order things are done. */

import { describe, expect, test } from "vitest";
import type { Graphs } from "../../src/worker/graphs";
import type { Portrait, Reference } from "../../src/worker/portrait";
import { Queue } from "../../src/worker/queue";
import { mostSuitable, References } from "../../src/worker/references";
import { shippedManifest } from "./bundle";

const NOTHING = new Float32Array();
const showing = (suitability: number): Reference => ({ values: { reference_mouth: NOTHING, reference_lips: NOTHING }, suitability });

test.each([
  [[], null],
  [[0.1], 0],
  [[0.1, 0.3, 0.2], 1],
  [[0.2, 0.2], 0], // as Python's max() chooses
  [[0, 0], 0],
  [[-0.1], 0],
])("of photos that show %j the one at %j lends", (shown, lender) => {
  expect(mostSuitable(new Map(shown.map((suitability, id) => [id, { suitability }])))).toBe(lender);
});

describe("the portrait", () => {
  /** Further photos for a portrait that remembers what it borrowed. */
  function portraitWithOthers() {
    const borrowed: (Reference | null)[] = [];
    const portrait = { borrow: async (reference: Reference | null) => void borrowed.push(reference) };
    const graphs = { manifest: shippedManifest() };
    return { borrowed, references: new References(graphs as Graphs, portrait as unknown as Portrait) };
  }

  test("borrows from the best there is, until there is none", async () => {
    const { borrowed, references } = portraitWithOthers();
    const [some, most] = [showing(0.1), showing(0.3)];
    await references.keep(4, some);
    expect(await references.keep(7, most)).toMatchObject({ lender: 7 });
    expect(await references.remove(7)).toMatchObject({ lender: 4 });
    expect(await references.remove(4)).toEqual({ lender: null, helps: false });
    expect(borrowed).toEqual([some, most, some, null]);
  });

  test("takes no more photos than the manifest allows, its own among them", async () => {
    const { references } = portraitWithOthers();
    const most = shippedManifest().host.photo.max_count;
    for (let id = 1; id < most; id++) await references.keep(id, showing(0));
    await expect(references.examine(new Blob())).rejects.toMatchObject({ code: "too-many-photos" });
    await references.remove(1);
    await expect(references.examine(new Blob())).rejects.toMatchObject({ code: "not-an-image" });
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
