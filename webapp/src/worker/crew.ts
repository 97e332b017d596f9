/**
 * Several workers that render, one frame each at a time.
 *
 * Two of them make half as many frames again as one with two threads: the graph has many small operators, between which
 * threads wait for each other. Nor do they need memory that is shared, which a host must allow.
 */

import { EngineError } from "../engine/types";
import type { CrewAnswer, CrewOrder, CrewStart } from "./crew-orders";
import type { Renderer, Rendering, Values } from "./renderer";

interface Settle<T> {
  readonly resolve: (value: T) => void;
  readonly reject: (error: EngineError) => void;
}

export class Crew implements Renderer {
  readonly #members: readonly Member[];

  private constructor(members: readonly Member[]) {
    this.#members = members;
  }

  /** Workers that are ready to render. Throws EngineError `engine-failed` if one cannot start. */
  static async of(lanes: number, start: CrewStart): Promise<Crew> {
    const members: Member[] = [];
    const crew = new Crew(members);
    try {
      for (let i = 0; i < lanes; i++) {
        const member = new Member();
        members.push(member);
        // Firefox, once in ten or twenty times, never starts two workers of a worker that load their scripts at once.
        await member.loaded;
      }
      await Promise.all(members.map((member) => member.start(start)));
    } catch (error) {
      crew.dispose();
      throw error;
    }
    return crew;
  }

  /** Those that work: one that broke is not asked again. */
  get lanes(): number {
    return this.#able.length;
  }

  /** Orders are carried out as they come: frames that were asked for before are made of what was held before. */
  async hold(portrait: number, values: Values): Promise<void> {
    for (const member of this.#members) member.tell({ kind: "hold", portrait, values });
  }

  render(portrait: number, target: Float32Array): Promise<Rendering> {
    const [idlest] = this.#able.sort((a, b) => a.load - b.load);
    return idlest?.render(portrait, target) ?? Promise.reject(new EngineError("engine-failed", "No worker is left that renders."));
  }

  forget(portrait: number): void {
    for (const member of this.#members) member.tell({ kind: "forget", portrait });
  }

  dispose(): void {
    for (const member of this.#members) member.end();
  }

  get #able(): Member[] {
    return this.#members.filter(({ broken }) => !broken);
  }
}

/** One worker. */
class Member {
  readonly #worker = new Worker(new URL("./crew-member.ts", import.meta.url), { type: "module", name: "vivant-render" });
  readonly #pending = new Map<number, Settle<Rendering>>();
  #next = 0;
  #failed: EngineError | null = null;
  #started: Settle<void> | null = null;
  #loaded: Settle<void> | null = null;
  /** Once its script runs. */
  readonly loaded = new Promise<void>((resolve, reject) => {
    this.#loaded = { resolve, reject };
  });

  constructor() {
    this.loaded.catch(() => undefined); // whoever waits is told
    this.#worker.onmessage = ({ data }: MessageEvent<CrewAnswer>) => {
      switch (data.kind) {
        case "loaded":
          return this.#loaded?.resolve();
        case "started":
          return this.#started?.resolve();
        case "rendered":
          return this.#take(data.job)?.resolve(data.rendering);
        case "failed":
          if (data.job === null) this.#fail(data.message);
          else this.#take(data.job)?.reject(new EngineError("engine-failed", data.message));
      }
    };
    this.#worker.onerror = (event) => {
      this.#fail(event.message || "A worker that renders could not be started.");
    };
  }

  get broken(): boolean {
    return this.#failed !== null;
  }

  /** Frames that it was asked for and has not made. */
  get load(): number {
    return this.#pending.size;
  }

  start(start: CrewStart): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#started = { resolve, reject };
      this.tell({ kind: "start", ...start });
    });
  }

  render(portrait: number, target: Float32Array): Promise<Rendering> {
    if (this.#failed) return Promise.reject(this.#failed);
    const job = this.#next++;
    return new Promise((resolve, reject) => {
      this.#pending.set(job, { resolve, reject });
      this.tell({ kind: "render", job, portrait, target });
    });
  }

  tell(order: CrewOrder): void {
    this.#worker.postMessage(order);
  }

  end(): void {
    this.#worker.terminate();
    this.#fail("The worker that renders was ended.");
  }

  #take(job: number): Settle<Rendering> | undefined {
    const pending = this.#pending.get(job);
    this.#pending.delete(job);
    return pending;
  }

  /** Whatever was and will be asked of it fails. */
  #fail(message: string): void {
    this.#failed = new EngineError("engine-failed", message);
    this.#loaded?.reject(this.#failed);
    this.#started?.reject(this.#failed);
    for (const { reject } of this.#pending.values()) reject(this.#failed);
    this.#pending.clear();
  }
}
