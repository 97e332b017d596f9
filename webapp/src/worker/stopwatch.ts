/** How long each stage takes: mean milliseconds of one run since it was last asked. */
export class Stopwatch {
  #sums = new Map<string, { total: number; runs: number }>();

  async time<T>(stage: string, work: () => Promise<T> | T): Promise<T> {
    const start = performance.now();
    try {
      return await work();
    } finally {
      this.add(stage, performance.now() - start);
    }
  }

  add(stage: string, milliseconds: number): void {
    const sum = this.#sums.get(stage) ?? { total: 0, runs: 0 };
    this.#sums.set(stage, { total: sum.total + milliseconds, runs: sum.runs + 1 });
  }

  /** The means so far; begins anew. */
  take(): Record<string, number> {
    const means = [...this.#sums].map(([stage, { total, runs }]) => [stage, total / runs] as const);
    this.#sums.clear();
    return Object.fromEntries(means);
  }
}
