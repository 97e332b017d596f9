import { signal } from "@preact/signals";
import type { Engine } from "../engine/types";
import { checkPhoto, type Square, squareAround, thumbnailOf } from "../media/photo";
import type { Texts } from "../texts/language";
import { problemOf } from "./engine-link";
import type { Problem } from "./notice";

/** Class of the part of the page on which files are dropped that are not to become portraits of their own. */
export const OTHERS_PLACE = "others";

/** Another photo of the person whose portrait hangs there. */
export interface OtherPhoto {
  readonly key: number;
  readonly file: File;
  /** Null while it is examined: its number at the engine, and an object URL of the face (null where none can be drawn). */
  readonly found: { readonly id: number; readonly url: string | null } | null;
}

/** A file that was not taken, and why. */
export interface Refusal {
  readonly name: string;
  readonly problem: Problem;
}

interface OthersOptions {
  readonly engine: () => Promise<Engine>;
  readonly announce: (text: (texts: Texts) => string) => void;
  readonly thumbnail?: (file: Blob, area: Square) => Promise<string | null>;
}

/** More photos of one person, which lend the portrait mouth and eyes. */
export class OtherPhotos {
  readonly photos = signal<readonly OtherPhoto[]>([]);
  readonly refusals = signal<readonly Refusal[]>([]);
  #work: Promise<void> = Promise.resolve();
  #next = 0;

  constructor(private readonly options: OthersOptions) {}

  /** Those that the portrait is made of besides its own photo: they were examined. */
  get files(): readonly File[] {
    return this.photos.value.filter(({ found }) => found !== null).map(({ file }) => file);
  }

  /** Examines photos one after the other; those that cannot be used are refused, each with its reason. */
  async add(files: readonly File[]): Promise<void> {
    this.refusals.value = [];
    const photos = files.map((file): OtherPhoto => ({ key: this.#next++, file, found: null }));
    this.photos.value = [...this.photos.value, ...photos];
    for (const photo of photos) this.#work = this.#work.then(() => this.#examine(photo));
    await this.#work;
  }

  async remove({ key, file, found }: OtherPhoto): Promise<void> {
    this.#drop(key);
    this.options.announce((t) => t.others.removed(file.name));
    if (found === null) return; // whoever examines it will notice
    try {
      this.#part(await (await this.options.engine()).removePhoto(found.id));
    } catch (error) {
      this.#refuse(file, problemOf(error));
    }
  }

  /** Another portrait has other photos. The engine forgets them by itself. */
  clear(): void {
    for (const { key } of this.photos.value) this.#drop(key);
    this.refusals.value = [];
  }

  /** Once every photo was examined. */
  async idle(): Promise<void> {
    await this.#work;
  }

  async #examine(photo: OtherPhoto): Promise<void> {
    const { file, key } = photo;
    if (!this.#wanted(key)) return;
    try {
      const problem = checkPhoto(file);
      if (problem !== null) return this.#refuse(file, problem, key);
      const engine = await this.options.engine();
      const { id, width, height, box } = await engine.addPhoto(file);
      const draw = this.options.thumbnail ?? thumbnailOf;
      const url = await draw(file, squareAround(box, width, height));
      if (!this.#wanted(key)) {
        revoke(url);
        return this.#part(await engine.removePhoto(id));
      }
      this.photos.value = this.photos.value.map((one) => (one.key === key ? { ...one, found: { id, url } } : one));
    } catch (error) {
      if (this.#wanted(key)) this.#refuse(file, problemOf(error), key);
    }
  }

  #wanted(key: number): boolean {
    return this.photos.value.some((photo) => photo.key === key);
  }

  /** The engine could not read these any more. */
  #part(lost: readonly number[]): void {
    for (const { found, file, key } of this.photos.value) {
      if (found !== null && lost.includes(found.id)) this.#refuse(file, "not-an-image", key);
    }
  }

  #refuse({ name }: File, problem: Problem, key?: number): void {
    const told = problem === "too-many-photos" && this.refusals.value.some((refusal) => refusal.problem === problem);
    if (!told) this.refusals.value = [...this.refusals.value, { name, problem }];
    if (key !== undefined) this.#drop(key);
  }

  #drop(key: number): void {
    revoke(this.photos.value.find((photo) => photo.key === key)?.found?.url ?? null);
    this.photos.value = this.photos.value.filter((photo) => photo.key !== key);
  }
}

function revoke(url: string | null): void {
  if (url !== null) URL.revokeObjectURL(url);
}
