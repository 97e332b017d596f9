/** Chooses the size of the rendered square so that the wanted rate is held. */

export const WANTED_FPS = 25;
const SETTLE = 10; // frames after a change before the time is judged
const PATIENCE_MS = 30_000; // how long a size that was too slow is not tried again
const STEPS = [1, 1.5, 2, 3, 4]; // multiples of the smallest size
const FULL = 0.92; // share of a frame's time from which it is too slow
const LIGHT = 0.8; // share that the next size up is expected to stay below

/** The sizes to choose from: multiples of the smallest one, up to the square's own size. */
export function sizeLadder(least: number, most: number): number[] {
  const sizes = STEPS.map((step) => step * least).filter((size) => size < most);
  return [...sizes, most].slice(0, Math.max(1, sizes.length + 1));
}

export class Pacing {
  #index = 0;
  #times: number[] = [];
  #barred = new Map<number, number>();

  constructor(
    private readonly sizes: readonly number[],
    private readonly wantedMs = 1000 / WANTED_FPS,
  ) {}

  get size(): number {
    return this.sizes[this.#index] ?? 0;
  }

  /** Takes what a frame cost; whether the size changed. */
  took(milliseconds: number, now: number): boolean {
    this.#times.push(milliseconds);
    if (this.#times.length < SETTLE) return false;
    const cost = median(this.#times);
    this.#times = [];
    if (cost > FULL * this.wantedMs && this.#index > 0) {
      this.#barred.set(this.#index, now + PATIENCE_MS);
      this.#index -= 1;
      return true;
    }
    const next = this.sizes[this.#index + 1];
    if (next === undefined || now < (this.#barred.get(this.#index + 1) ?? 0)) return false;
    // Rendering grows more slowly than the number of pixels: part of it does not depend on the size.
    const expected = cost * (next / this.size);
    if (expected > LIGHT * this.wantedMs) return false;
    this.#index += 1;
    return true;
  }
}

function median(values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[values.length >> 1] ?? 0;
}
