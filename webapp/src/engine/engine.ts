/** The engine as the page sees it: a worker, and what it takes to give another worker the same work. */

import type { RenderedFrame, Started } from "../worker/protocol";
import { Link, type News } from "./link";
import { Told } from "./told";
import {
  type AddedPhoto,
  type Backend,
  type BackendReport,
  type DriverFrame,
  type Engine,
  EngineError,
  type EngineOptions,
  type Gains,
  type Motion,
  type OpenedPhoto,
  type Pixels,
  type Preset,
  type Size,
  type View,
  type WatermarkReading,
  type WatermarkTerms,
} from "./types";

const PATIENCE_MS = 60_000; // a GPU that is lost twice within this time is not used again

class WorkerEngine implements Engine {
  #link: Link;
  #started: Started | null = null;
  #backend: Backend | undefined;
  #lostAt = -Infinity;
  #driving = false;
  /** The driver's newest frame, while an older one is in work. */
  #waiting: { readonly drop: () => void; readonly send: () => Promise<void> } | null = null;
  #disposed = false;
  #nextPhoto = 0;
  #recovery: Promise<void> = Promise.resolve();
  readonly #told = new Told();

  constructor(private readonly options: EngineOptions) {
    this.#backend = options.backend;
    this.#link = this.#connect();
  }

  get report(): BackendReport {
    return this.#running.report;
  }

  get presets(): readonly Preset[] {
    return this.#running.presets;
  }

  get maxPhotos(): number {
    return this.#running.maxPhotos;
  }

  get watermarkTerms(): WatermarkTerms {
    return this.#running.watermark;
  }

  async begin(): Promise<void> {
    const { bundle, runtime = "ort/" } = this.options;
    const folder = (path: string) => new URL(path.endsWith("/") ? path : `${path}/`, document.baseURI).href;
    const request = { bundle: folder(bundle), runtime: folder(runtime), backend: this.#backend };
    this.#started = await this.#link.call("start", request);
  }

  async openPhoto(file: Blob): Promise<OpenedPhoto> {
    const opened = await this.#link.call("openPhoto", { file });
    this.#told.photo = file;
    return opened;
  }

  async chooseFaces(ids: readonly number[]): Promise<void> {
    await this.#link.call("chooseFaces", { ids });
    this.#told.faces = ids;
  }

  async addPhoto(file: Blob): Promise<AddedPhoto> {
    const id = this.#nextPhoto++;
    const { others } = this.#told; // a portrait that comes after this one has others of its own
    const added = await this.#link.call("addPhoto", { id, file });
    others.set(id, file);
    return { id, ...added };
  }

  async removePhoto(id: number): Promise<readonly number[]> {
    const { others } = this.#told;
    others.delete(id);
    const lost = await this.#link.call("removePhoto", { id });
    for (const one of lost) others.delete(one);
    return lost;
  }

  async setMotion(motion: Motion): Promise<void> {
    await this.#link.call("setMotion", { motion });
    this.#told.motion = motion;
  }

  setGains(gains: Gains): void {
    this.#told.gains = gains;
    this.#tell(this.#link.call("setGains", { gains }));
  }

  setSize(size: Size): void {
    this.#told.size = size;
    this.#tell(this.#link.call("setSize", { size }));
  }

  setView(view: View): void {
    this.#told.view = view;
    this.#tell(this.#link.call("setView", { view }));
  }

  async setBackend(backend: Backend | "auto"): Promise<BackendReport> {
    this.#backend = backend === "auto" ? undefined : backend;
    await this.#restart(new EngineError("engine-failed", "The backend was changed."));
    return this.report;
  }

  play(): void {
    this.#setPlaying(true);
  }

  pause(): void {
    this.#setPlaying(false);
  }

  drive(frame: DriverFrame, timestampSeconds: number): Promise<boolean | null> {
    this.#waiting?.drop();
    return new Promise((resolve, reject) => {
      this.#waiting = {
        drop: () => {
          frame.close();
          resolve(null);
        },
        send: () => this.#link.call("drive", { frame, seconds: timestampSeconds }, [frame]).then(resolve, reject),
      };
      void this.#driveOn();
    });
  }

  /** Hands frames of the driver over, one at a time, always the newest. */
  async #driveOn(): Promise<void> {
    if (this.#driving) return;
    this.#driving = true;
    for (let next = this.#waiting; next; next = this.#waiting) {
      this.#waiting = null;
      await next.send();
    }
    this.#driving = false;
  }

  calibrate(): void {
    this.#tell(this.#link.call("calibrate", {}));
  }

  async *renderAll(options: Parameters<Engine["renderAll"]>[0]): AsyncGenerator<RenderedFrame> {
    const { loops, seamless = false, source, signal, onFollowed } = options;
    const link = this.#link;
    await link.call("beginFile", { loops, seamless });
    try {
      let followed = 0;
      for await (const { frame, time } of source ?? []) {
        signal?.throwIfAborted();
        await link.call("followForFile", { frame, seconds: time }, [frame]);
        onFollowed?.(++followed);
      }
      // The next frames are rendered while the caller encodes this one.
      const coming: Promise<RenderedFrame | null>[] = [];
      const order = (index: number) => {
        const next = link.call("renderForFile", { index });
        next.catch(() => undefined);
        coming.push(next);
      };
      const ahead = this.report.threads;
      for (let index = 0; index < ahead; index++) order(index);
      for (let index = ahead; ; index++) {
        signal?.throwIfAborted();
        const frame = await coming.shift();
        if (!frame) return;
        order(index);
        yield frame;
      }
    } finally {
      await link.call("endFile", {}).catch(() => undefined);
      if (this.#told.playing) this.#setPlaying(true);
    }
  }

  watermark(frame: Pixels, message: Uint8Array): Promise<Uint8ClampedArray<ArrayBuffer>> {
    return this.#link.call("watermark", { frame, message }, [frame.pixels.buffer]);
  }

  readWatermark(frames: readonly Pixels[]): Promise<WatermarkReading> {
    return this.#link.call("readWatermark", { frames }, frames.map(({ pixels }) => pixels.buffer));
  }

  async fetchAhead(): Promise<void> {
    await this.#link.call("fetchAhead", {});
  }

  dispose(): void {
    this.#disposed = true;
    this.#waiting?.drop();
    this.#waiting = null;
    this.#link.end(new EngineError("engine-failed", "The engine was disposed of."));
  }

  /** Throws the GPU away: for tests of the recovery. */
  loseDevice(): Promise<null> {
    return this.#link.call("loseDevice", {});
  }

  get #running(): Started {
    if (!this.#started) throw new EngineError("engine-failed", "The engine has not started.");
    return this.#started;
  }

  #setPlaying(playing: boolean): void {
    this.#told.playing = playing;
    this.#tell(this.#link.call("setPlaying", { playing }));
  }

  /** Reports what fails of calls that nobody waits for. */
  #tell(call: Promise<unknown>): void {
    call.catch((error: unknown) => {
      if (!this.#disposed && error instanceof EngineError && error.code !== "device-lost") this.options.onError?.(error);
    });
  }

  #connect(): Link {
    const link: Link = new Link((news) => {
      if (link === this.#link) this.#hear(news);
    });
    return link;
  }

  #hear(news: News): void {
    const { options } = this;
    switch (news.kind) {
      case "download":
        return options.onDownload?.(news.progress);
      case "statistics":
        return options.onStatistics?.(news.statistics);
      case "frame":
        this.#link.frameTaken();
        return options.onFrame(news.frame);
      case "error":
        return options.onError?.(new EngineError(news.failure.code, news.failure.message));
      case "lost":
        this.#recovery = this.#recover();
    }
  }

  async #recover(): Promise<void> {
    const again = performance.now() - this.#lostAt < PATIENCE_MS;
    this.#lostAt = performance.now();
    if (again) this.#backend = "wasm-threads";
    try {
      await this.#restart(new EngineError("device-lost", "The GPU was lost."));
      this.options.onRecovered?.(this.report);
    } catch (error) {
      this.options.onError?.(error instanceof EngineError ? error : new EngineError("engine-failed", String(error)));
    }
  }

  /** Another worker takes over where this one is. */
  async #restart(why: EngineError): Promise<void> {
    await this.#recovery.catch(() => undefined);
    this.#link.end(why);
    this.#link = this.#connect();
    await this.begin();
    await this.#told.tell(this.#link, (call) => { this.#tell(call); });
  }
}

/** Loads the models and starts the engine; see EngineOptions. Throws EngineError. */
export async function createEngine(options: EngineOptions): Promise<Engine> {
  const engine = new WorkerEngine(options);
  try {
    await engine.begin();
  } catch (error) {
    engine.dispose();
    throw error;
  }
  return engine;
}
