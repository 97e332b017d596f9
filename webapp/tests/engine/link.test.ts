import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { Link, type News } from "../../src/engine/link";
import { EngineError } from "../../src/engine/types";
import type { Message } from "../../src/worker/protocol";

/** What a worker was told; the test speaks in its place. */
class FakeWorker {
  static made: FakeWorker[] = [];
  readonly told: unknown[] = [];
  ended = false;
  onmessage: ((event: { data: Message }) => void) | null = null;
  onerror: ((event: { message: string }) => void) | null = null;

  constructor(readonly url: URL) {
    FakeWorker.made.push(this);
  }

  postMessage(message: unknown, transfer: Transferable[] = []): void {
    this.told.push(structuredClone(message, { transfer }));
  }

  terminate(): void {
    this.ended = true;
  }

  say(data: Message): void {
    this.onmessage?.({ data });
  }
}

beforeEach(() => {
  FakeWorker.made = [];
  vi.stubGlobal("Worker", FakeWorker);
});
afterEach(() => void vi.unstubAllGlobals());

/** A link whose worker asked for others, and those. */
function withCrew(members: number): { link: Link; worker: FakeWorker; crew: FakeWorker[]; ends: MessagePort[]; news: News[] } {
  const news: News[] = [];
  const link = new Link((message) => { news.push(message); });
  const [worker] = FakeWorker.made as [FakeWorker];
  const channels = Array.from({ length: members }, () => new MessageChannel());
  worker.say({ kind: "crew", ports: channels.map(({ port2 }) => port2) });
  return { link, worker, crew: FakeWorker.made.slice(1), ends: channels.map(({ port1 }) => port1), news };
}

describe("the page's link to its worker", () => {
  test("makes a worker for each port that it is handed, and hands that on", async () => {
    const { crew, ends, news } = withCrew(2);
    expect(crew.map(({ url }) => url.pathname.split("/").at(-1))).toEqual(["crew-member.ts", "crew-member.ts"]);
    for (const [i, { told }] of crew.entries()) {
      const port = told[0] as MessagePort;
      const heard = new Promise((resolve) => { port.onmessage = ({ data }) => { resolve(data); }; });
      ends[i]?.postMessage(i);
      expect(await heard).toBe(i);
      port.close();
    }
    expect(news).toEqual([]);
  });

  test("tells of one that breaks, by its place", () => {
    const { worker, crew, ends } = withCrew(2);
    crew[1]?.onerror?.({ message: "" });
    crew[0]?.onerror?.({ message: "out of memory" });
    expect(worker.told).toEqual([
      { call: "crewBroke", member: 1, message: "A worker that renders could not be started." },
      { call: "crewBroke", member: 0, message: "out of memory" },
    ]);
    for (const end of ends) end.close();
  });

  test("ends them all, and whatever was asked", async () => {
    const { link, ends } = withCrew(3);
    const asked = link.call("calibrate", {});
    const error = new EngineError("engine-failed", "The engine was disposed of.");
    link.end(error);
    await expect(asked).rejects.toBe(error);
    await expect(link.call("calibrate", {})).rejects.toBe(error);
    expect(FakeWorker.made.map(({ ended }) => ended)).toEqual([true, true, true, true]);
    for (const end of ends) end.close();
  });
});

test("no worker makes workers: Firefox may hang, see crew-orders.ts", () => {
  const source = resolve(import.meta.dirname, "../../src");
  const workers = readdirSync(resolve(source, "worker")).map((name) => resolve(source, "worker", name));
  const others = ["save/worker.ts", "credentials/worker.ts"].map((name) => resolve(source, name));
  for (const file of [...workers, ...others]) expect(readFileSync(file, "utf8"), file).not.toMatch(/new Worker\(/);
});
