import { afterEach, describe, expect, test } from "vitest";
import { Crew } from "../../src/worker/crew";
import type { CrewAnswer, CrewOrder, Recruit } from "../../src/worker/crew-orders";
import { shippedManifest } from "./bundle";

/** The other end of a worker's channel: what the worker was told; the test answers in its place. */
class Hired {
  readonly orders: CrewOrder[] = [];

  constructor(private readonly port: MessagePort) {
    port.onmessage = ({ data }: MessageEvent<CrewOrder>) => { this.orders.push(data); };
  }

  answer(answer: CrewAnswer): Promise<void> {
    this.port.postMessage(answer);
    return heard();
  }

  get jobs(): number[] {
    return this.orders.flatMap((order) => (order.kind === "render" ? [order.job] : []));
  }

  get ended(): boolean {
    return this.orders.some(({ kind }) => kind === "end");
  }

  close(): void {
    this.port.close();
  }
}

/** Until what was said over the channels has arrived. */
const heard = () => new Promise<void>((resolve) => setTimeout(resolve, 10));

const START = { runtime: "http://localhost/ort/", gpu: false, manifest: shippedManifest(), model: new ArrayBuffer(1) };
const TARGET = new Float32Array(3);
const rendering = (...bytes: number[]) => ({ square: new Uint8ClampedArray(bytes), milliseconds: 1 });

let hired: Hired[] = [];
let breakDown: Parameters<Recruit>[1] = () => undefined;
const recruit: Recruit = (ports, onBroken) => {
  hired = ports.map((port) => new Hired(port));
  breakDown = onBroken;
};
afterEach(() => {
  for (const one of hired) one.close();
});

/** A crew that comes, and its two workers, which were told to start. */
async function twoStarting(): Promise<{ coming: Promise<Crew>; a: Hired; b: Hired }> {
  const coming = Crew.of(2, START, recruit);
  coming.catch(() => undefined);
  await heard();
  for (const { orders } of hired) expect(orders.map(({ kind }) => kind)).toEqual(["start"]);
  const [a, b] = hired as [Hired, Hired];
  return { coming, a, b };
}

async function crewOfTwo(): Promise<[Crew, Hired, Hired]> {
  const { coming, a, b } = await twoStarting();
  for (const one of [a, b]) await one.answer({ kind: "started" });
  return [await coming, a, b];
}

describe("workers that render", () => {
  test("all hold the portrait; each frame goes to the one with the least work", async () => {
    const [crew, a, b] = await crewOfTwo();
    expect(crew.lanes).toBe(2);
    const values = { mouth: { data: new Float32Array(1), dims: [1] } };
    await crew.hold(7, values);
    const first = crew.render(7, TARGET);
    const second = crew.render(7, TARGET);
    await heard();
    for (const { orders } of [a, b]) expect(orders[1]).toEqual({ kind: "hold", portrait: 7, values });
    expect([a.jobs, b.jobs]).toEqual([[0], [0]]);
    await b.answer({ kind: "rendered", job: 0, rendering: rendering(2) });
    expect(await second).toEqual(rendering(2));
    void crew.render(7, TARGET).catch(() => undefined);
    await heard();
    expect([a.jobs, b.jobs]).toEqual([[0], [0, 1]]);
    await a.answer({ kind: "rendered", job: 0, rendering: rendering(1) });
    expect(await first).toEqual(rendering(1));
  });

  test("a frame that fails fails alone", async () => {
    const [crew, a] = await crewOfTwo();
    const failing = crew.render(1, TARGET);
    void a.answer({ kind: "failed", job: 0, message: "no memory" });
    await expect(failing).rejects.toMatchObject({ code: "engine-failed", message: "no memory" });
    const next = crew.render(1, TARGET);
    await a.answer({ kind: "rendered", job: 1, rendering: rendering(4) });
    expect(await next).toEqual(rendering(4));
  });

  test("of a worker that broke, what was asked fails; the others go on", async () => {
    const [crew, a, b] = await crewOfTwo();
    const waiting = crew.render(1, TARGET);
    breakDown(0, "out of memory");
    await expect(waiting).rejects.toMatchObject({ code: "engine-failed", message: "out of memory" });
    expect(crew.lanes).toBe(1);
    const next = crew.render(1, TARGET);
    await b.answer({ kind: "rendered", job: 0, rendering: rendering(4) });
    expect(await next).toEqual(rendering(4));
    breakDown(1, "out of memory");
    await expect(crew.render(1, TARGET)).rejects.toMatchObject({ message: "No worker is left that renders." });
    crew.dispose();
    await heard();
    expect([a.ended, b.ended]).toEqual([true, true]);
  });

  test("one that cannot start ends them all", async () => {
    const { coming, a, b } = await twoStarting();
    await a.answer({ kind: "started" });
    await b.answer({ kind: "failed", job: null, message: "no model" });
    await expect(coming).rejects.toMatchObject({ code: "engine-failed", message: "no model" });
    await heard();
    expect([a.ended, b.ended]).toEqual([true, true]);
  });

  test("one whose script cannot be loaded ends them all", async () => {
    const { coming, a } = await twoStarting();
    breakDown(1, "A worker that renders could not be started.");
    await expect(coming).rejects.toMatchObject({ message: "A worker that renders could not be started." });
    await heard();
    expect(a.ended).toBe(true);
  });
});
