/** Runs pieces of work one after the other, in the order in which they came; one that fails holds up none. */
export class Queue {
  #last: Promise<unknown> = Promise.resolve();

  /** Runs work after all work before it. */
  readonly run = <T>(work: () => Promise<T>): Promise<T> => {
    const outcome = this.#last.then(work);
    this.#last = outcome.catch(() => undefined);
    return outcome;
  };

  /** Once all that came so far is done. */
  async idle(): Promise<void> {
    await this.#last;
  }
}
