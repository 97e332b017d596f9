import { signal } from "@preact/signals";
import { type Backend, type CreateEngine, EngineError, type Frame } from "../engine/types";
import { checkPhoto, readPicture } from "../media/photo";
import type { Texts } from "../texts/language";
import { EngineLink, problemOf } from "./engine-link";
import { Inspector } from "./inspector";
import { Motions } from "./motions";
import { type Notice, type Problem, problemNotice } from "./notice";
import { OtherPhotos } from "./others";
import type { Portrait } from "./portrait";
import { fetchSample, type Sample } from "./samples";
import { Settings, type WithEngine } from "./settings";

/** What the page shows beside the portrait. */
export type Phase =
  | { readonly kind: "empty" }
  | { readonly kind: "working"; readonly what: "photo" | "preparing" }
  | { readonly kind: "faces" }
  | { readonly kind: "alive" }
  | { readonly kind: "failed"; readonly problem: Problem };

export type DialogName = "save" | "details" | "privacy" | "camera";

const WORTH_A_RETRY: readonly Problem[] = ["download-failed", "bundle-broken", "device-lost", "engine-failed"];

/** All that the page knows and everything that can be done on it. The components only show it. */
export class Studio {
  readonly phase = signal<Phase>({ kind: "empty" });
  readonly portrait = signal<Portrait | null>(null);
  /** A frame of this portrait was drawn. */
  readonly moving = signal(false);
  readonly playing = signal(true);
  readonly showOriginal = signal(false);
  readonly notice = signal<Notice | null>(null);
  /** Read out by screen readers, not shown. */
  readonly announcement = signal<(texts: Texts) => string>(() => "");
  readonly dialog = signal<DialogName | null>(null);
  /** While a portrait is alive: another photo is being opened. */
  readonly opening = signal(false);

  readonly inspector = new Inspector(() => this.link.get());
  readonly link: EngineLink;
  readonly settings: Settings;
  readonly motions: Motions;
  /** More photos of the person whose portrait it is. */
  readonly others: OtherPhotos;
  /** Draws frames; set by the stage. It must close the bitmap. */
  draw: (frame: Frame) => void = (frame) => { frame.bitmap.close(); };
  /** On which they are drawn. */
  canvas: HTMLCanvasElement | null = null;
  /** Of the motion, at the frame that is shown. */
  seconds = 0;
  #turn = 0;

  constructor(create: CreateEngine, bundle: string, calm: boolean) {
    this.playing.value = !calm;
    this.link = new EngineLink(create, bundle);
    this.link.onFrame = (frame) => { this.#show(frame); };
    this.link.onError = (error) => {
      this.notice.value = problemNotice(error.code, this.#retryAfter(error.code));
    };
    this.link.onRecovered = (report) => {
      this.notice.value = { kind: "info", text: (t) => t.notice.recovered(t.portrait.runsOn[report.chosen]) };
    };
    this.settings = new Settings(this.#withEngine);
    this.motions = new Motions({
      link: this.link,
      withEngine: this.#withEngine,
      tell: (notice) => { this.notice.value = notice; },
      alive: () => this.phase.value.kind === "alive",
      onMotion: () => { this.setPlaying(true); },
      onRecorded: () => { this.dialog.value = "save"; },
    });
    this.others = new OtherPhotos({
      engine: () => this.link.get(),
      announce: (text) => { this.announcement.value = text; },
    });
  }

  /** Fetches and starts the engine before the first photo comes. Without success the first photo tries again. */
  async warmUp(): Promise<void> {
    try {
      await this.link.get();
    } catch (error) {
      if (this.portrait.value === null) this.notice.value = problemNotice(problemOf(error), () => void this.warmUp());
    }
  }

  async openSample(sample: Sample): Promise<void> {
    const file = await fetchSample(sample).catch(() => null);
    if (file === null) this.notice.value = problemNotice("sample-missing");
    else await this.openPhoto(file, { sample: sample.id });
  }

  /** Hangs a photo. What hung there before stays until the new one is known to have a face. */
  async openPhoto(file: File, name: Portrait["name"]): Promise<void> {
    const turn = ++this.#turn;
    this.notice.value = null;
    const problem = checkPhoto(file);
    const picture = problem === null ? await readPicture(file) : null;
    if (turn !== this.#turn) return;
    if (picture === null) {
      this.notice.value = problemNotice(problem ?? "not-an-image");
      return;
    }
    const portrait: Portrait = { ...picture, file, name, searched: null, faces: [], chosen: [] };
    const former = this.phase.value.kind === "alive" ? this.portrait.value : null;
    this.opening.value = former !== null;
    if (former === null) {
      this.#hang(portrait);
      this.phase.value = { kind: "working", what: "photo" };
    }
    try {
      await this.#search(portrait, turn);
    } catch (error) {
      if (turn === this.#turn) this.#openingFailed(problemOf(error), former);
    } finally {
      if (turn === this.#turn) this.opening.value = false;
    }
  }

  /** Brings these faces of the portrait to life. */
  async chooseFaces(ids: readonly number[]): Promise<void> {
    const portrait = this.portrait.value;
    if (portrait === null) return;
    const turn = this.#turn;
    this.portrait.value = { ...portrait, chosen: ids };
    this.others.clear(); // they were of somebody else
    this.moving.value = false;
    this.phase.value = { kind: "working", what: "preparing" };
    try {
      const engine = await this.link.get();
      await engine.chooseFaces(ids);
      if (turn !== this.#turn) return;
      this.phase.value = { kind: "alive" };
      if (this.playing.value) engine.play();
      this.announcement.value = (t) => t.portrait.moving;
    } catch (error) {
      if (turn === this.#turn) this.phase.value = { kind: "failed", problem: problemOf(error) };
    }
  }

  /** Whether one face moves, and no other: more photos of that person can be added. */
  get aloneAndAlive(): boolean {
    return this.phase.value.kind === "alive" && this.portrait.value?.chosen.length === 1;
  }

  changeFaces(): void {
    this.phase.value = { kind: "faces" };
  }

  calibrate(): void {
    void this.#withEngine((engine) => {
      engine.calibrate();
      this.announcement.value = (t) => t.driver.neutralDone;
    });
  }

  /** How large the portrait is on the screen, in device pixels. */
  setShownSide(maxSide: number): void {
    this.settings.setShownSide(maxSide, this.phase.value.kind === "alive");
  }

  /** The engine makes a file: a video that leads the portrait rests meanwhile. */
  async whileSaving<T>(work: () => Promise<T>): Promise<T> {
    this.motions.lead.setPlaying(false);
    try {
      return await work();
    } finally {
      this.motions.lead.setPlaying(this.playing.value);
    }
  }

  async setBackend(backend: Backend | "auto"): Promise<void> {
    const chosen = this.settings.backend;
    const before = chosen.value;
    chosen.value = backend;
    try {
      await this.link.setBackend(backend);
    } catch (error) {
      chosen.value = before;
      this.notice.value = problemNotice(problemOf(error));
    }
  }

  setPlaying(playing: boolean): void {
    this.playing.value = playing;
    this.showOriginal.value = false;
    this.motions.lead.setPlaying(playing);
    this.#run(playing);
  }

  /** A hidden page does no work. */
  setVisible(visible: boolean): void {
    if (this.phase.value.kind === "alive") this.#run(visible && this.playing.value);
  }

  /** Begins again with the photo that hangs there. */
  async retry(): Promise<void> {
    const portrait = this.portrait.value;
    this.notice.value = null;
    this.motions.lead.stop();
    this.link.restart();
    if (portrait === null) return this.warmUp();
    const others = this.others.files;
    this.phase.value = { kind: "empty" };
    await this.openPhoto(portrait.file, portrait.name);
    if (this.aloneAndAlive) await this.others.add(others);
  }

  async #search(portrait: Portrait, turn: number): Promise<void> {
    const engine = await this.link.get();
    const { lead, preset } = this.motions;
    this.settings.configure(engine);
    if (lead.leader.value === null) await engine.setMotion({ kind: "preset", name: preset.value });
    const opened = await engine.openPhoto(portrait.file);
    if (turn !== this.#turn) return;
    if (opened.faces.length === 0) throw new EngineError("no-face", "No face was found.");
    this.#hang({ ...portrait, searched: opened, faces: opened.faces });
    const [only, second] = opened.faces;
    if (only !== undefined && second === undefined) await this.chooseFaces([only.id]);
    else {
      this.phase.value = { kind: "faces" };
      this.announcement.value = (t) => t.faces.heading(opened.faces.length);
    }
  }

  #openingFailed(problem: Problem, former: Portrait | null): void {
    if (former !== null) this.notice.value = problemNotice(problem);
    else if (problem === "not-an-image" || problem === "image-too-large") {
      this.#hang(null);
      this.phase.value = { kind: "empty" };
      this.notice.value = problemNotice(problem);
    } else this.phase.value = { kind: "failed", problem };
  }

  #hang(portrait: Portrait | null): void {
    const former = this.portrait.value;
    if (former !== null && former.url !== portrait?.url) URL.revokeObjectURL(former.url);
    this.portrait.value = portrait;
    this.moving.value = false;
    this.showOriginal.value = false;
    this.motions.recording.value = null;
    this.others.clear();
  }

  #show(frame: Frame): void {
    if (this.phase.value.kind !== "alive") {
      frame.bitmap.close();
      return;
    }
    this.seconds = frame.time;
    this.draw(frame);
    this.moving.value = true;
  }

  #run(run: boolean): void {
    void this.#withEngine((engine) => {
      if (run) engine.play();
      else engine.pause();
    });
  }

  /** Whether the same photo may well succeed at another try. */
  worthARetry(problem: Problem): boolean {
    return WORTH_A_RETRY.includes(problem);
  }

  #retryAfter(problem: Problem): (() => void) | undefined {
    return this.worthARetry(problem) ? () => void this.retry() : undefined;
  }

  readonly #withEngine: WithEngine = async (work) => {
    try {
      await work(await this.link.get());
    } catch (error) {
      const problem = problemOf(error);
      this.notice.value = problemNotice(problem, this.#retryAfter(problem));
    }
  };
}
