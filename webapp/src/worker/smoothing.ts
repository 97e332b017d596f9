/** The 1€ filter (Casiez, Roussel and Vogel, CHI 2012). Mirrors runtime/smoothing.py; its constants are the manifest's. */

import type { Host } from "./manifest";

export class OneEuroFilter {
  #points: Float32Array | null = null;
  #velocity = new Float32Array();
  #seconds = 0;

  constructor(
    private readonly config: Host["smoothing"],
    /** Numbers of one point, which share their speed. */
    private readonly axes: number,
  ) {}

  /** Forgets the past: the face was lost or another shot begins. */
  reset(): void {
    this.#points = null;
  }

  /** The smoothed points of this frame; `unit` is one face size in the points' own unit. */
  next(points: Float32Array, seconds: number, unit: number): Float32Array {
    const elapsed = seconds - this.#seconds;
    if (!this.#points) {
      this.#velocity = new Float32Array(points.length);
      this.#seconds = seconds;
      this.#points = points.slice();
    } else if (elapsed > 0) {
      this.#advance(this.#points, points, elapsed, unit);
      this.#seconds = seconds;
    }
    return this.#points;
  }

  #advance(past: Float32Array, points: Float32Array, elapsed: number, unit: number): void {
    const result = new Float32Array(points.length);
    const share = shareOf(this.config.derivative_cutoff, elapsed);
    for (let start = 0; start < points.length; start += this.axes) {
      let squares = 0;
      for (let i = start; i < start + this.axes; i++) {
        const old = this.#velocity[i] ?? 0;
        const velocity = old + (((points[i] ?? 0) - (past[i] ?? 0)) / elapsed - old) * share;
        this.#velocity[i] = velocity;
        squares += velocity * velocity;
      }
      const cutoff = this.config.min_cutoff + (this.config.beta * Math.sqrt(squares)) / unit;
      const mix = shareOf(cutoff, elapsed);
      for (let i = start; i < start + this.axes; i++) {
        result[i] = (past[i] ?? 0) + ((points[i] ?? 0) - (past[i] ?? 0)) * mix;
      }
    }
    this.#points = result;
  }
}

/** How much of the new value a low-pass with this cutoff (Hz) takes after so many seconds. */
function shareOf(cutoff: number, elapsed: number): number {
  const angle = 2 * Math.PI * cutoff * elapsed;
  return angle / (angle + 1);
}
