import { signal } from "@preact/signals";
import { type Engine, EngineError, type WatermarkReading } from "../engine/types";
import { stillsOf } from "../media/stills";
import { Credentials, CredentialsError, type Examination, goesBeside, isManifest, pairs } from "../credentials";

/** The address of the view: it works as a link. */
export const INSPECT = "#inspect";

export interface Report extends Examination {
  readonly name: string;
  /** The other file of the pair was not chosen. */
  readonly incomplete: boolean;
  /** Null where it could not be looked for. */
  readonly found: WatermarkReading | "looking" | null;
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

  /** @param engine looks for watermarks */
  constructor(private readonly engine: () => Promise<Engine>) {}

  async examine(files: readonly File[]): Promise<void> {
    const turn = ++this.#turn;
    this.reports.value = [];
    this.failed.value = false;
    this.#credentials ??= new Credentials();
    try {
      const chosen = pairs(files);
      for (const { file, sidecar } of chosen) {
        this.working.value = file.name;
        const examination = await this.#credentials.examine(file, sidecar);
        if (turn !== this.#turn) return;
        const incomplete = isManifest(file) || (goesBeside(examination.mediaType) && sidecar === null);
        this.reports.value = [...this.reports.value, { ...examination, name: file.name, incomplete, found: "looking" }];
      }
      this.working.value = null;
      for (const [index, { file }] of chosen.entries()) {
        const found = await this.#found(file, this.reports.value[index]?.mediaType ?? null);
        if (turn !== this.#turn) return;
        this.reports.value = this.reports.value.map((report, i) => (i === index ? { ...report, found } : report));
      }
    } catch (error) {
      if (!(error instanceof CredentialsError)) throw error;
      if (turn === this.#turn) this.failed.value = true;
    } finally {
      if (turn === this.#turn) this.working.value = null;
    }
  }

  async #found(file: File, mediaType: string | null): Promise<WatermarkReading | null> {
    if (mediaType === null) return null;
    try {
      const engine = await this.engine();
      const stills = await stillsOf(file, mediaType, engine.watermarkTerms.frames);
      return stills.length === 0 ? null : await engine.readWatermark(stills);
    } catch (error) {
      if (error instanceof EngineError) return null;
      throw error;
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
