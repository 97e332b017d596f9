/**
 * Several workers that render, one frame each at a time.
 *
 * Two of them make half as many frames again as one with two threads: the graph has many small operators, between which
 * threads wait for each other. Nor do they need memory that is shared, which a host must allow.
 */

import { EngineError } from "../engine/types";
import type { CrewAnswer, CrewOrder, CrewStart, Recruit } from "./crew-orders";
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
  static async of(lanes: number, start: CrewStart, recruit: Recruit): Promise<Crew> {
    const channels = Array.from({ length: lanes }, () => new MessageChannel());
    const members = channels.map(({ port1 }) => new Member(port1));
    const crew = new Crew(members);
    recruit(
      channels.map(({ port2 }) => port2),
      (member, message) => members[member]?.broke(message),
    );
    try {
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
  readonly #pending = new Map<number, Settle<Rendering>>();
  #next = 0;
  #failed: EngineError | null = null;
  #started: Settle<void> | null = null;

  constructor(private readonly port: MessagePort) {
    port.onmessage = ({ data }: MessageEvent<CrewAnswer>) => {
      switch (data.kind) {
        case "started":
          return this.#started?.resolve();
        case "rendered":
          return this.#take(data.job)?.resolve(data.rendering);
        case "failed":
          if (data.job === null) this.broke(data.message);
          else this.#take(data.job)?.reject(new EngineError("engine-failed", data.message));
      }
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
    this.port.postMessage(order);
  }

  end(): void {
    this.tell({ kind: "end" });
    this.broke("The worker that renders was ended.");
  }

  /** Whatever was and will be asked of it fails. */
  broke(message: string): void {
    this.#failed = new EngineError("engine-failed", message);
    this.#started?.reject(this.#failed);
    for (const { reject } of this.#pending.values()) reject(this.#failed);
    this.#pending.clear();
  }

  #take(job: number): Settle<Rendering> | undefined {
    const pending = this.#pending.get(job);
    this.#pending.delete(job);
    return pending;
  }
}
