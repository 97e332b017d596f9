/** More photos of one person, as the page keeps them. */

import { describe, expect, test } from "vitest";
import { type AddedPhoto, type Engine, EngineError } from "../../src/engine/types";
import { squareAround } from "../../src/media/photo";
import { OtherPhotos } from "../../src/ui/others";

const BOX = [10, 10, 50, 60] as const;

/** An engine that has room for two; what is called "bad" shows nobody. */
class FakeEngine {
  readonly kept: string[] = [];
  /** Numbers of photos that it finds it cannot read again when another one is removed. */
  lost: readonly number[] = [];
  #numbers = new Map<number, string>();
  #next = 40;
  /** Lets photos wait until it is called. */
  go: () => void = () => undefined;
  gate: Promise<void> = Promise.resolve();

  hold(): void {
    this.gate = new Promise((resolve) => { this.go = resolve; });
  }

  addPhoto = async (file: Blob): Promise<AddedPhoto> => {
    await this.gate;
    const { name } = file as File;
    if (name === "bad.jpg") throw new EngineError("no-face", "nobody");
    if (this.kept.length === 2) throw new EngineError("too-many-photos", "enough");
    const id = this.#next++;
    this.kept.push(name);
    this.#numbers.set(id, name);
    return { id, width: 100, height: 80, box: BOX };
  };

  removePhoto = async (id: number): Promise<readonly number[]> => {
    this.kept.splice(this.kept.indexOf(this.#numbers.get(id) ?? ""), 1);
    this.#numbers.delete(id);
    return this.lost;
  };
}

function start() {
  const engine = new FakeEngine();
  const said: unknown[] = [];
  const others = new OtherPhotos({
    engine: async () => engine as unknown as Engine,
    announce: (text) => said.push(text),
    thumbnail: async () => null,
  });
  return { engine, said, others };
}

const photo = (name: string, type = "image/jpeg") => new File(["x"], name, { type });
const names = (others: OtherPhotos) => others.files.map(({ name }) => name);

describe("other photos", () => {
  test("are examined one by one; what cannot be used is refused with its reason", async () => {
    const { engine, others } = start();
    await others.add([photo("a.jpg"), photo("bad.jpg"), photo("notes.txt", "text/plain"), photo("b.jpg")]);
    expect(names(others)).toEqual(["a.jpg", "b.jpg"]);
    expect(engine.kept).toEqual(["a.jpg", "b.jpg"]);
    expect(others.refusals.value).toEqual([
      { name: "bad.jpg", problem: "no-face" },
      { name: "notes.txt", problem: "not-an-image" },
    ]);
    await others.add([photo("c.jpg"), photo("d.jpg")]);
    expect(others.refusals.value.map(({ problem }) => problem)).toEqual(["too-many-photos"]); // said once
    expect(names(others)).toEqual(["a.jpg", "b.jpg"]);
  });

  test("can be removed", async () => {
    const { engine, said, others } = start();
    await others.add([photo("a.jpg"), photo("b.jpg")]);
    const [a, b] = others.photos.value;
    if (a === undefined || b === undefined) throw new Error("not added");
    await others.remove(a);
    expect(names(others)).toEqual(["b.jpg"]);
    await others.remove(b);
    expect(others.photos.value).toEqual([]);
    expect(engine.kept).toEqual([]);
    expect(said).toHaveLength(2);
  });

  test("that cannot be read again go with the one that is removed, and it is said why", async () => {
    const { engine, others } = start();
    await others.add([photo("a.jpg"), photo("b.jpg")]);
    const [a, b] = others.photos.value;
    if (a === undefined) throw new Error("not added");
    engine.lost = [b?.found?.id ?? NaN];
    await others.remove(a);
    expect(others.photos.value).toEqual([]);
    expect(others.refusals.value).toEqual([{ name: "b.jpg", problem: "not-an-image" }]);
  });

  test.each(["remove", "clear"] as const)("that go while they are examined leave nothing behind: %s", async (how) => {
    const { engine, others } = start();
    engine.hold();
    const adding = others.add([photo("a.jpg"), photo("b.jpg")]);
    await Promise.resolve();
    for (const one of others.photos.value) if (how === "remove") void others.remove(one);
    if (how === "clear") others.clear();
    engine.go();
    await adding;
    await others.idle();
    expect(engine.kept).toEqual([]);
    expect(others.photos.value).toEqual([]);
  });

  test("count as part of the portrait only once they were examined", async () => {
    const { engine, others } = start();
    engine.hold();
    void others.add([photo("a.jpg")]);
    expect(names(others)).toEqual([]);
    engine.go();
    await others.idle();
    expect(names(others)).toEqual(["a.jpg"]);
  });
});

describe("the square around a face", () => {
  const inPixels = (box: [number, number, number, number], width: number, height: number) => {
    const { left, top, width: w, height: h } = squareAround(box, width, height);
    return [left * width, top * height, w * width, h * height].map((value) => Math.round(value));
  };

  test("has some room", () => expect(inPixels([400, 400, 500, 480], 1000, 800)).toEqual([383, 373, 135, 135]));
  test("stays within the picture", () => expect(inPixels([0, 0, 100, 100], 1000, 800)).toEqual([0, 0, 135, 135]));
  test("stays within at the other end", () => expect(inPixels([900, 700, 1000, 800], 1000, 800)).toEqual([865, 665, 135, 135]));
  test("is never larger than the picture", () => expect(inPixels([100, 0, 700, 800], 1000, 800)).toEqual([0, 0, 800, 800]));
});
