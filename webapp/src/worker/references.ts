/** More photos of the person who is animated: one lends the portrait the inside of its mouth. Mirrors runtime/portrait.py. */

import { EngineError, type Lending } from "../engine/types";
import { type Box, findFaces, fitFaces, sizeOf } from "./faces";
import type { Graphs } from "./graphs";
import { decodePhoto } from "./picture";
import type { Portrait, Reference } from "./portrait";

/** A photo that was examined. */
export interface Examined {
  readonly reference: Reference;
  /** Of the picture in which the face was looked for, pixels. */
  readonly width: number;
  readonly height: number;
  readonly box: Box;
}

export class References {
  readonly #kept = new Map<number, Reference>();
  /** How much of its mouth the portrait's own photo shows; known with the first of the others. */
  #own = Infinity;

  constructor(
    private readonly graphs: Graphs,
    private readonly portrait: Portrait,
  ) {}

  /**
   * What another photo's largest face tells. Changes nothing, so that frames can be drawn between its steps.
   * Throws EngineError `too-many-photos`, or why the photo cannot be used.
   */
  async examine(file: Blob): Promise<Examined> {
    const { host, thresholds } = this.graphs.manifest;
    if (this.#kept.size + 1 >= host.photo.max_count) {
      throw new EngineError("too-many-photos", `At most ${host.photo.max_count} photos of a person are used.`);
    }
    const picture = await decodePhoto(file, host.photo);
    const fit = fitFaces(await findFaces(this.graphs, picture), thresholds, host);
    const face = fit.reduce((a, b) => (sizeOf(a) >= sizeOf(b) ? a : b));
    if (this.#own === Infinity) this.#own = (await this.portrait.ownReference()).suitability;
    const reference = await this.portrait.refer(picture, face);
    return { reference, width: picture.width, height: picture.height, box: face.box };
  }

  async keep(id: number, reference: Reference): Promise<Lending> {
    this.#kept.set(id, reference);
    return this.#lend();
  }

  async remove(id: number): Promise<Lending> {
    this.#kept.delete(id);
    return this.#lend();
  }

  async #lend(): Promise<Lending> {
    const lender = mostSuitable(this.#kept);
    const reference = lender === null ? null : (this.#kept.get(lender) ?? null);
    await this.portrait.borrow(reference);
    return { lender, helps: (reference?.suitability ?? -Infinity) > this.#own };
  }
}

/** Which of them shows most of the inside of the mouth, the first of equals; null if there is none. */
export function mostSuitable(references: ReadonlyMap<number, Pick<Reference, "suitability">>): number | null {
  let best: number | null = null;
  let most = -Infinity;
  for (const [id, { suitability }] of references) {
    if (best !== null && suitability <= most) continue;
    [best, most] = [id, suitability];
  }
  return best;
}
