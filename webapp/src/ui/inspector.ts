import { signal } from "@preact/signals";
import { Credentials, CredentialsError, type Examination, goesBeside, isManifest, pairs } from "../credentials";

/** The address of the view: it works as a link. */
export const INSPECT = "#inspect";

export interface Report extends Examination {
  readonly name: string;
  /** The other file of the pair was not chosen. */
  readonly incomplete: boolean;
}

/** What files say of themselves: those that the visitor chose last. */
export class Inspector {
  readonly reports = signal<readonly Report[]>([]);
  /** The file that is being examined. */
  readonly working = signal<string | null>(null);
  /** What examines files could not be had. */
  readonly failed = signal(false);
  #credentials: Credentials | null = null;
  #turn = 0;

  async examine(files: readonly File[]): Promise<void> {
    const turn = ++this.#turn;
    this.reports.value = [];
    this.failed.value = false;
    this.#credentials ??= new Credentials();
    try {
      for (const { file, sidecar } of pairs(files)) {
        this.working.value = file.name;
        const examination = await this.#credentials.examine(file, sidecar);
        if (turn !== this.#turn) return;
        const incomplete = isManifest(file) || (goesBeside(examination.mediaType) && sidecar === null);
        this.reports.value = [...this.reports.value, { ...examination, name: file.name, incomplete }];
      }
    } catch (error) {
      if (!(error instanceof CredentialsError)) throw error;
      if (turn === this.#turn) this.failed.value = true;
    } finally {
      if (turn === this.#turn) this.working.value = null;
    }
  }

  /** Forgets the files and gives the memory back. */
  end(): void {
    this.#turn += 1;
    this.#credentials?.end();
    this.#credentials = null;
    this.reports.value = [];
    this.working.value = null;
    this.failed.value = false;
  }
}
