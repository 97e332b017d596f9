/** The page's end of the line to one worker, and to those that render for it. */

import type { CallName, Calls, Message, Notice, Request } from "../worker/protocol";
import { EngineError } from "./types";

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: EngineError) => void;
}

/** What the worker says that is not for the link itself. */
export type News = Exclude<Message, { kind: "answer" | "failure" | "crew" }>;

export class Link {
  readonly #worker: Worker;
  #crew: readonly Worker[] = [];
  readonly #pending = new Map<number, Pending>();
  #next = 0;
  #ended: EngineError | null = null;

  constructor(onNews: (news: News) => void) {
    this.#worker = new Worker(new URL("../worker/worker.ts", import.meta.url), { type: "module", name: "vivant" });
    this.#worker.onmessage = ({ data }: MessageEvent<Message>) => {
      if (data.kind === "crew") return this.#recruit(data.ports);
      if (data.kind !== "answer" && data.kind !== "failure") return onNews(data);
      const pending = this.#pending.get(data.id);
      this.#pending.delete(data.id);
      if (data.kind === "answer") pending?.resolve(data.value);
      else pending?.reject(new EngineError(data.failure.code, data.failure.message));
    };
    this.#worker.onerror = (event) => {
      this.#abandon(new EngineError("engine-failed", event.message || "The engine's worker could not be started."));
    };
  }

  call<Name extends CallName>(
    call: Name,
    request: Calls[Name][0],
    transfer: Transferable[] = [],
  ): Promise<Calls[Name][1]> {
    if (this.#ended) return Promise.reject(this.#ended);
    const id = this.#next++;
    return new Promise((resolve, reject) => {
      this.#pending.set(id, { resolve: resolve as (value: unknown) => void, reject });
      this.#worker.postMessage({ id, call, with: request } as Request, transfer);
    });
  }

  frameTaken(): void {
    this.#tell({ call: "frameTaken" });
  }

  /** Ends the workers; whatever was asked of it fails with `error`. */
  end(error: EngineError): void {
    this.#ended = error;
    for (const worker of [this.#worker, ...this.#crew]) worker.terminate();
    this.#abandon(error);
  }

  #recruit(ports: readonly MessagePort[]): void {
    this.#crew = ports.map((port, member) => {
      const worker = new Worker(new URL("../worker/crew-member.ts", import.meta.url), { type: "module", name: "vivant-render" });
      worker.onerror = ({ message }) => {
        this.#tell({ call: "crewBroke", member, message: message || "A worker that renders could not be started." });
      };
      worker.postMessage(port, [port]);
      return worker;
    });
  }

  #tell(notice: Notice): void {
    this.#worker.postMessage(notice);
  }

  #abandon(error: EngineError): void {
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}
