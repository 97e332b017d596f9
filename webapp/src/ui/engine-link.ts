import { signal } from "@preact/signals";
import {
  type Backend,
  type BackendReport,
  type CreateEngine,
  type DownloadProgress,
  type Engine,
  EngineError,
  type Frame,
  type Preset,
  type Statistics,
} from "../engine/types";
import type { Problem } from "./notice";

export type EngineState = "asleep" | "loading" | "ready" | "failed";

/** Which reason the page gives for an error of the engine. */
export function problemOf(error: unknown): Problem {
  if (error instanceof EngineError) return error.code;
  // A browser without WebAssembly or workers fails before the engine can say so in its own words.
  return typeof WebAssembly === "undefined" || typeof Worker === "undefined" ? "no-engine" : "engine-failed";
}

/** Starts the engine, keeps it, and starts another one if the first could not be had. */
export class EngineLink {
  readonly state = signal<EngineState>("asleep");
  readonly download = signal<DownloadProgress | null>(null);
  readonly report = signal<BackendReport | null>(null);
  /** Milliseconds of a frame by backend, over all reports; what never ran is absent. */
  readonly measured = signal<BackendReport["measured"]>({});
  readonly presets = signal<readonly Preset[]>([]);
  readonly statistics = signal<Statistics | null>(null);

  onFrame: (frame: Frame) => void = (frame) => { frame.bitmap.close(); };
  onRecovered: (report: BackendReport) => void = () => undefined;
  onError: (error: EngineError) => void = () => undefined;

  readonly #create: CreateEngine;
  readonly #bundle: string;
  #backend: Backend | undefined;
  #engine: Promise<Engine> | null = null;

  constructor(create: CreateEngine, bundle: string) {
    this.#create = create;
    this.#bundle = bundle;
  }

  /** The engine once it is ready; a failed start is tried anew by the next call. */
  get(): Promise<Engine> {
    this.#engine ??= this.#start();
    return this.#engine;
  }

  /** Ends this engine; the next `get` starts another. */
  restart(): void {
    void this.#engine?.then((engine) => { engine.dispose(); }, () => undefined);
    this.#engine = null;
  }

  async setBackend(backend: Backend | "auto"): Promise<void> {
    const engine = await this.get();
    this.#heed(await engine.setBackend(backend));
    this.#backend = backend === "auto" ? undefined : backend;
  }

  #heed(report: BackendReport): void {
    this.report.value = report;
    this.measured.value = { ...this.measured.value, ...report.measured };
  }

  async #start(): Promise<Engine> {
    this.state.value = "loading";
    this.statistics.value = null;
    try {
      const engine = await this.#create({
        bundle: this.#bundle,
        backend: this.#backend,
        onDownload: (progress) => { this.download.value = progress; },
        onFrame: (frame) => { this.onFrame(frame); },
        onStatistics: (statistics) => { this.statistics.value = statistics; },
        onRecovered: (report) => {
          this.#heed(report);
          this.onRecovered(report);
        },
        onError: (error) => { this.onError(error); },
      });
      this.#heed(engine.report);
      this.presets.value = engine.presets;
      this.state.value = "ready";
      return engine;
    } catch (error) {
      this.state.value = "failed";
      this.#engine = null;
      throw error;
    }
  }
}
