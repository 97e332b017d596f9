import { signal } from "@preact/signals";
import type { Backend, Engine, Gains, Size } from "../engine/types";

export const NEUTRAL_GAINS: Gains = { pose: 1, expression: 1, eyes: 1, lips: 1, gaze: 1 };
/** Pixels; until the stage knows better. */
const FIRST_SHOWN_SIDE = 1024;

/** Does something with the engine; a failure is told to the visitor. */
export type WithEngine = (work: (engine: Engine) => void | Promise<void>) => Promise<void>;

/** How the portrait is drawn: how much of the motion reaches it, how large, and where it is computed. */
export class Settings {
  readonly gains = signal<Gains>(NEUTRAL_GAINS);
  readonly size = signal<Size>("auto");
  readonly backend = signal<Backend | "auto">("auto");
  #shownSide = FIRST_SHOWN_SIDE;

  constructor(private readonly withEngine: WithEngine) {}

  setGains(gains: Gains): void {
    this.gains.value = gains;
    void this.withEngine((engine) => { engine.setGains(gains); });
  }

  setSize(size: Size): void {
    this.size.value = size;
    void this.withEngine((engine) => { engine.setSize(size); });
  }

  /** How large the portrait is on the screen, in device pixels: larger frames would be wasted. */
  setShownSide(maxSide: number, alive: boolean): void {
    this.#shownSide = maxSide;
    if (alive) void this.withEngine((engine) => { engine.setView({ show: "photo", maxSide }); });
  }

  /** Tells an engine, which knows nothing of what was set before. */
  configure(engine: Engine): void {
    engine.setGains(this.gains.value);
    engine.setSize(this.size.value);
    engine.setView({ show: "photo", maxSide: this.#shownSide });
  }
}
