/** What the worker was told that still holds, so that another worker can be told the same. */

import type { Link } from "./link";
import type { Gains, Motion, Size, View } from "./types";

export class Told {
  gains?: Gains;
  size?: Size;
  view?: View;
  motion?: Motion;
  playing = false;
  #photo: Blob | null = null;
  #faces: readonly number[] | null = null;
  /** More photos of the person, by number. */
  #others = new Map<number, Blob>();

  get others(): Map<number, Blob> {
    return this.#others;
  }

  set photo(photo: Blob) {
    this.#photo = photo;
    this.#faces = null;
    this.#others = new Map();
  }

  set faces(ids: readonly number[]) {
    this.#faces = ids;
    this.#others = new Map(); // of one person, not of another
  }

  /** Tells another worker. The portrait moves when this is done; more photos are examined meanwhile: see `later`. */
  async tell(link: Link, later: (call: Promise<unknown>) => void): Promise<void> {
    const { gains, size, view, motion, playing } = this;
    if (gains) await link.call("setGains", { gains });
    if (size) await link.call("setSize", { size });
    if (view) await link.call("setView", { view });
    if (motion) await link.call("setMotion", { motion });
    if (this.#photo) await link.call("openPhoto", { file: this.#photo });
    if (this.#faces) await link.call("chooseFaces", { ids: this.#faces });
    await link.call("setPlaying", { playing });
    for (const [id, file] of this.#others) later(link.call("addPhoto", { id, file }));
  }
}
