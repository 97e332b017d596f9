import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Crew } from "../../src/worker/crew";
import type { CrewAnswer, CrewOrder } from "../../src/worker/crew-orders";
import { shippedManifest } from "./bundle";

/** What a worker was told; the test answers in its place. */
class FakeWorker {
  static made: FakeWorker[] = [];
  readonly orders: CrewOrder[] = [];
  ended = false;
  onmessage: ((event: { data: CrewAnswer }) => void) | null = null;
  onerror: ((event: { message: string }) => void) | null = null;

  constructor() {
    FakeWorker.made.push(this);
  }

  postMessage(order: CrewOrder): void {
    this.orders.push(order);
  }

  terminate(): void {
    this.ended = true;
  }

  answer(data: CrewAnswer): void {
    this.onmessage?.({ data });
  }

  get jobs(): number[] {
    return this.orders.flatMap((order) => (order.kind === "render" ? [order.job] : []));
  }
}

const START = { runtime: "http://localhost/ort/", gpu: false, manifest: shippedManifest(), model: new ArrayBuffer(1) };
const TARGET = new Float32Array(3);
const rendering = (...bytes: number[]) => ({ square: new Uint8ClampedArray(bytes), milliseconds: 1 });

beforeEach(() => {
  FakeWorker.made = [];
  vi.stubGlobal("Worker", FakeWorker);
});
afterEach(() => void vi.unstubAllGlobals());

/** The two workers of a crew, once both are told to start. */
async function twoLoaded(): Promise<[FakeWorker, FakeWorker]> {
  for (let i = 0; i < 2; i++) {
    expect(FakeWorker.made).toHaveLength(i + 1);
    expect(FakeWorker.made[i]?.orders).toEqual([]);
    FakeWorker.made[i]?.answer({ kind: "loaded" });
    await new Promise((resolve) => setTimeout(resolve));
  }
  for (const { orders } of FakeWorker.made) expect(orders.map(({ kind }) => kind)).toEqual(["start"]);
  return FakeWorker.made as [FakeWorker, FakeWorker];
}

async function crewOfTwo(): Promise<[Crew, FakeWorker, FakeWorker]> {
  const coming = Crew.of(2, START);
  const [a, b] = await twoLoaded();
  for (const worker of [a, b]) worker.answer({ kind: "started" });
  return [await coming, a, b];
}

describe("workers that render", () => {
  test("all hold the portrait; each frame goes to the one with the least work", async () => {
    const [crew, a, b] = await crewOfTwo();
    expect(crew.lanes).toBe(2);
    const values = { mouth: { data: new Float32Array(1), dims: [1] } };
    await crew.hold(7, values);
    for (const { orders } of [a, b]) expect(orders.at(-1)).toEqual({ kind: "hold", portrait: 7, values });
    const first = crew.render(7, TARGET);
    const second = crew.render(7, TARGET);
    expect([a.jobs, b.jobs]).toEqual([[0], [0]]);
    b.answer({ kind: "rendered", job: 0, rendering: rendering(2) });
    expect(await second).toEqual(rendering(2));
    void crew.render(7, TARGET).catch(() => undefined);
    expect([a.jobs, b.jobs]).toEqual([[0], [0, 1]]);
    a.answer({ kind: "rendered", job: 0, rendering: rendering(1) });
    expect(await first).toEqual(rendering(1));
  });

  test("a frame that fails fails alone", async () => {
    const [crew, a] = await crewOfTwo();
    const failing = crew.render(1, TARGET);
    a.answer({ kind: "failed", job: 0, message: "no memory" });
    await expect(failing).rejects.toMatchObject({ code: "engine-failed", message: "no memory" });
    const next = crew.render(1, TARGET);
    a.answer({ kind: "rendered", job: 1, rendering: rendering(4) });
    expect(await next).toEqual(rendering(4));
  });

  test("of a worker that broke, what was asked fails; the others go on", async () => {
    const [crew, a, b] = await crewOfTwo();
    const waiting = crew.render(1, TARGET);
    a.onerror?.({ message: "out of memory" });
    await expect(waiting).rejects.toMatchObject({ code: "engine-failed", message: "out of memory" });
    expect(crew.lanes).toBe(1);
    const next = crew.render(1, TARGET);
    b.answer({ kind: "rendered", job: 0, rendering: rendering(4) });
    expect(await next).toEqual(rendering(4));
    b.onerror?.({ message: "out of memory" });
    await expect(crew.render(1, TARGET)).rejects.toMatchObject({ message: "No worker is left that renders." });
    crew.dispose();
    expect([a.ended, b.ended]).toEqual([true, true]);
  });

  test("one that cannot start ends them all", async () => {
    const coming = Crew.of(2, START);
    const [a, b] = await twoLoaded();
    a.answer({ kind: "started" });
    b.answer({ kind: "failed", job: null, message: "no model" });
    await expect(coming).rejects.toMatchObject({ code: "engine-failed", message: "no model" });
    expect([a.ended, b.ended]).toEqual([true, true]);
  });

  test("one whose script cannot be loaded ends them all, and no further one is made", async () => {
    const coming = Crew.of(2, START);
    const [a] = FakeWorker.made as [FakeWorker];
    a.onerror?.({ message: "" });
    await expect(coming).rejects.toMatchObject({ message: "A worker that renders could not be started." });
    expect(FakeWorker.made).toEqual([a]);
    expect(a.ended).toBe(true);
  });
});
