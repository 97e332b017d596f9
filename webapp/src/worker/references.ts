/** More photos of the person who is animated: all of them lend the portrait mouth and eyes. Mirrors runtime/portrait.py. */

import { EngineError } from "../engine/types";
import { type Box, findFaces, fitFaces, sizeOf } from "./faces";
import type { Graphs } from "./graphs";
import { decodePhoto } from "./picture";
import type { Portrait } from "./portrait";
import type { Values } from "./renderer";

/** What is kept of a photo: its pixels would take too much room, and are decoded again where they are wanted. */
interface Kept {
  readonly file: Blob;
  readonly landmarks: Float32Array;
}

/** Photos that lend, by the page's numbers, in their order. */
export interface Lenders {
  readonly photos: ReadonlyMap<number, Kept>;
  /** What they tell together with the portrait's own; null without any. */
  readonly all: Values | null;
}

/** A photo that was examined. */
export interface Examined {
  /** Those that lent before, and this one. */
  readonly lenders: Lenders;
  /** Of the picture in which the face was looked for, pixels. */
  readonly width: number;
  readonly height: number;
  readonly box: Box;
}

/**
 * What takes long changes nothing, so that frames can be drawn meanwhile: only `lend` does. Between asking and lending,
 * nothing else may be asked.
 */
export class References {
  #lenders: Lenders = { photos: new Map(), all: null };

  constructor(
    private readonly graphs: Graphs,
    private readonly portrait: Portrait,
  ) {}

  /**
   * What the portrait would have with another photo's largest face.
   * Throws EngineError `too-many-photos`, or why the photo cannot be used.
   */
  async examine(id: number, file: Blob): Promise<Examined> {
    const { host, thresholds } = this.graphs.manifest;
    const { photos, all } = this.#lenders;
    if (photos.size + 1 >= host.photo.max_count) {
      throw new EngineError("too-many-photos", `At most ${host.photo.max_count} photos of a person are used.`);
    }
    const picture = await decodePhoto(file, host.photo);
    const fit = fitFaces(await findFaces(this.graphs, picture), thresholds, host);
    const { landmarks, box } = fit.reduce((a, b) => (sizeOf(a) >= sizeOf(b) ? a : b));
    const lenders = {
      photos: new Map(photos).set(id, { file, landmarks }),
      all: await this.portrait.refer(all, picture, landmarks),
    };
    return { lenders, width: picture.width, height: picture.height, box };
  }

  /** What is left without one of them, and which others cannot be read any more and had to go with it. */
  async without(id: number): Promise<{ readonly lenders: Lenders; readonly lost: readonly number[] }> {
    if (!this.#lenders.photos.has(id)) return { lenders: this.#lenders, lost: [] };
    const photos = new Map<number, Kept>();
    const lost: number[] = [];
    let all: Values | null = null;
    for (const [other, kept] of this.#lenders.photos) {
      if (other === id) continue;
      const picture = await decodePhoto(kept.file, this.graphs.manifest.host.photo).catch(() => null);
      if (picture === null) {
        lost.push(other);
        continue;
      }
      all = await this.portrait.refer(all, picture, kept.landmarks);
      photos.set(other, kept);
    }
    return { lenders: { photos, all }, lost };
  }

  async lend(lenders: Lenders): Promise<void> {
    this.#lenders = lenders;
    await this.portrait.lend(lenders.all);
  }
}
