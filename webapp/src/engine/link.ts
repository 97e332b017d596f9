/** The page's end of the line to one worker. */

import type { CallName, Calls, FrameTaken, Message, Request } from "../worker/protocol";
import { EngineError } from "./types";

interface Pending {
  readonly resolve: (value: unknown) => void;
  readonly reject: (error: EngineError) => void;
}

export class Link {
  readonly #worker: Worker;
  readonly #pending = new Map<number, Pending>();
  #next = 0;
  #ended: EngineError | null = null;

  constructor(onMessage: (message: Exclude<Message, { kind: "answer" | "failure" }>) => void) {
    this.#worker = new Worker(new URL("../worker/worker.ts", import.meta.url), { type: "module", name: "vivant" });
    this.#worker.onmessage = ({ data }: MessageEvent<Message>) => {
      if (data.kind !== "answer" && data.kind !== "failure") return onMessage(data);
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
    this.#worker.postMessage({ call: "frameTaken" } satisfies FrameTaken);
  }

  /** Ends the worker; whatever was asked of it fails with `error`. */
  end(error: EngineError): void {
    this.#ended = error;
    this.#worker.terminate();
    this.#abandon(error);
  }

  #abandon(error: EngineError): void {
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}
