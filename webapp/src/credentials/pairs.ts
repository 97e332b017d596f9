/** Files of one choice: each with the manifest that belongs beside it. */

import { MARKS } from "../marks";

export interface Pair {
  readonly file: File;
  readonly sidecar: File | null;
}

/** Pairs files by their names without endings; of two files alone, the manifest belongs to the other whatever it is called. */
export function pairs(files: readonly File[]): Pair[] {
  const manifests = files.filter(isManifest);
  const media = files.filter((file) => !isManifest(file));
  const [only, ...more] = manifests;
  const alone = only !== undefined && more.length === 0 && media.length === 1;
  const paired = media.map((file) => {
    const sidecar = alone ? only : manifests.find((manifest) => stem(manifest) === stem(file));
    return { file, sidecar: sidecar ?? null };
  });
  const left = manifests.filter((manifest) => paired.every(({ sidecar }) => sidecar !== manifest));
  return [...paired, ...left.map((file) => ({ file, sidecar: null }))];
}

export function isManifest({ name }: { readonly name: string }): boolean {
  return name.toLowerCase().endsWith(MARKS.sidecar);
}

function stem({ name }: File): string {
  return name.replace(/\.[^.]+$/, "");
}
