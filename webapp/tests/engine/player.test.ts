import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import type { Frame } from "../../src/engine";
import { Player } from "../../src/worker/player";
import { Queue } from "../../src/worker/queue";
import type { Begun, Studio } from "../../src/worker/studio";

const FPS = 25;
const FRAME_MS = 1000 / FPS;

/** A studio without graphs: two workers that take so many milliseconds for the frame of this number. */
class Workshop {
  readonly lanes = 2;
  readonly portraits = [{}];
  readonly track = { fps: FPS, frame: (index: number) => ({ index }) };
  readonly loaded = { report: { chosen: "wasm", threads: 2 } };
  readonly watch = { take: () => ({}) };
  readonly begun: number[] = [];
  readonly costs: number[] = [];
  readonly #workers = [new Queue(), new Queue()];

  constructor(private readonly cost: (index: number) => number) {}

  async begin({ index }: { index: number }): Promise<Begun> {
    const [worker = new Queue()] = this.#workers.splice(0, 1);
    this.#workers.push(worker);
    this.begun.push(index);
    const rendered = worker.run(() => new Promise((done) => setTimeout(done, this.cost(index))));
    return { squares: [rendered] } as unknown as Begun;
  }

  finish = () => Promise.resolve({} as ImageBitmap);

  async pace(milliseconds: number): Promise<void> {
    this.costs.push(milliseconds);
  }
}

/** Timers that the test moves stand in for messages, too. */
class Channel {
  readonly port1 = { onmessage: () => undefined, close: () => undefined };
  readonly port2 = { postMessage: () => setTimeout(() => this.port1.onmessage(), 0) };
}

interface Shown {
  readonly time: number;
  readonly at: number;
}

function playing(cost: (index: number) => number): { player: Player; workshop: Workshop; shown: Shown[] } {
  const workshop = new Workshop(cost);
  const shown: Shown[] = [];
  const begun = performance.now();
  const player: Player = new Player(workshop as unknown as Studio, new Queue().run, {
    onFrame: ({ time }: Frame) => {
      shown.push({ time, at: performance.now() - begun });
      player.taken();
    },
    onStatistics: () => undefined,
    onError: (error) => {
      throw error;
    },
  });
  player.playing = true;
  return { player, workshop, shown };
}

const indices = (shown: readonly Shown[]) => shown.map(({ time }) => Math.round(time * FPS));
const upTo = (count: number, from = 0) => Array.from({ length: count }, (_, i) => from + i);

beforeEach(() => {
  vi.useFakeTimers({ toFake: ["setTimeout", "clearTimeout", "performance"] });
  vi.stubGlobal("MessageChannel", Channel);
});

afterEach(() => {
  vi.unstubAllGlobals();
  vi.useRealTimers();
});

describe("Player", () => {
  it("shows every frame when it is due, though each takes longer than there is between two", async () => {
    const { shown } = playing(() => 1.6 * FRAME_MS);
    await vi.advanceTimersByTimeAsync(2000);
    expect(indices(shown)).toEqual(upTo(shown.length));
    expect(shown.length).toBeGreaterThanOrEqual(2 * FPS - 1);
    for (const { time, at } of shown) expect(at).toBeGreaterThanOrEqual(1000 * time - 1);
    for (const { time, at } of shown.slice(10)) expect(at).toBeLessThanOrEqual(1000 * time + 5);
  });

  it("loses no frame when a worker pauses for less than what was made ahead", async () => {
    const { shown } = playing((index) => (index === 30 ? 4 * FRAME_MS : 1.6 * FRAME_MS));
    await vi.advanceTimersByTimeAsync(3000);
    expect(indices(shown)).toEqual(upTo(shown.length));
    expect(shown.length).toBeGreaterThanOrEqual(3 * FPS - 1);
  });

  it("drops frames that cannot be begun in time, and keeps to the clock", async () => {
    const { shown } = playing(() => 4 * FRAME_MS);
    await vi.advanceTimersByTimeAsync(4000);
    const numbers = indices(shown);
    expect(numbers).toEqual([...numbers].sort((a, b) => a - b));
    expect(shown.length).toBeGreaterThan(40); // two workers make half of the frames
    expect(shown.length).toBeLessThan(60);
    for (const { time, at } of shown.slice(10)) expect(at - 1000 * time).toBeLessThan(8 * FRAME_MS);
  });

  it("makes no more frames ahead than it may", async () => {
    const { workshop, shown } = playing(() => 1);
    await vi.advanceTimersByTimeAsync(1000);
    expect(Math.max(...workshop.begun)).toBeLessThanOrEqual(Math.max(...indices(shown)) + 4);
  });

  it("drops what was made ahead at a pause, and goes on where it was", async () => {
    const { player, shown } = playing(() => FRAME_MS);
    await vi.advanceTimersByTimeAsync(1000);
    player.playing = false;
    const before = indices(shown);
    await vi.advanceTimersByTimeAsync(500);
    expect(indices(shown)).toEqual(before);
    player.playing = true;
    await vi.advanceTimersByTimeAsync(1000);
    expect(indices(shown)).toEqual(upTo(shown.length));
    expect(shown.length).toBeGreaterThan(before.length + FPS - 3);
  });

  it("begins anew at once", async () => {
    const { player, shown } = playing(() => FRAME_MS);
    await vi.advanceTimersByTimeAsync(1000);
    const before = shown.length;
    player.rewind();
    await vi.advanceTimersByTimeAsync(3 * FRAME_MS);
    expect(indices(shown)[before]).toBe(0);
  });

  it("does not count the wait for a frame's turn as its cost", async () => {
    const { workshop } = playing(() => FRAME_MS);
    await vi.advanceTimersByTimeAsync(2000);
    for (const cost of workshop.costs.slice(5)) expect(cost).toBeLessThan(1.2 * FRAME_MS);
  });

  it("shows a frame of a driver at once", async () => {
    const { player, shown } = playing(() => 10);
    player.playing = false;
    const begun = performance.now();
    await Promise.all([player.begin({ index: 7 } as never, 99).then((drawing) => player.finish(drawing)), vi.advanceTimersByTimeAsync(50)]);
    expect(shown.at(-1)?.time).toBe(99);
    expect(performance.now() - begun).toBeLessThan(60);
  });
});
