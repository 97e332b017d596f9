/** What every file says about itself: the manifest that c2pa's builder takes. Mirrors runtime/provenance.py. */

import { MARKS } from "../marks";
import { base64url, hex } from "./bytes";

/** A photo that a file was made of. */
export interface Source {
  /** Its file's. */
  readonly name: string;
  /** Of that file, 32 bytes. */
  readonly sha256: Uint8Array;
  readonly mediaType: string;
}

/** What a file was made of. */
export interface Origin {
  /** The one that is animated. */
  readonly photo: Source;
  /** More photos of the same person. */
  readonly others: readonly Source[];
  /** The motion's name. */
  readonly motion: string;
  /** The text that every frame shows; null if the visitor had it left out. */
  readonly label: string | null;
  /** What the invisible mark in every frame says; null if there is none. */
  readonly watermark: Uint8Array | null;
}

/** The program that makes a manifest, and its clock (ISO 8601). */
export interface Maker {
  readonly version: string;
  readonly when: string;
}

/** The manifest of a file named `title`. */
export function manifestDefinition(origin: Origin, title: string, { version, when }: Maker): object {
  const agent = { name: MARKS.generator, version };
  const common = { softwareAgent: agent, digitalSourceType: MARKS.source_type, when };
  const { motion, label, watermark } = origin;
  const ingredients = [origin.photo, ...origin.others].map(ingredient);
  const created = {
    ...common,
    action: "c2pa.created",
    description: filled(MARKS.created, "motion", motion),
    parameters: { ingredientIds: ingredients.map((one) => one.label), [MARKS.details]: { motion, label } },
  };
  const edited = label === null ? [] : [{ ...common, action: "c2pa.edited", description: filled(MARKS.edited, "label", label) }];
  const { action, description, algorithm } = MARKS.watermark;
  const watermarked = watermark === null ? [] : [{ ...common, action, description }];
  // A soft binding: who finds the mark in a copy that lost its manifest can look this manifest up.
  const binding = watermark && { alg: algorithm, blocks: [{ scope: {}, value: hex(watermark) }] };
  return {
    claim_generator_info: [agent],
    title,
    ingredients,
    assertions: [
      { label: "c2pa.actions.v2", data: { actions: [created, ...edited, ...watermarked] }, created: true },
      ...(binding ? [{ label: MARKS.watermark.label, data: binding }] : []),
    ],
  };
}

/** Photos are numbered; the first, which is animated, has no number. */
function ingredient({ name, sha256, mediaType }: Source, index: number): { readonly label: string; readonly [more: string]: unknown } {
  const label = index === 0 ? MARKS.photo.label : `${MARKS.photo.label}-${index + 1}`;
  return { ...MARKS.photo, label, title: name, format: mediaType, instance_id: MARKS.hash_uri + base64url(sha256) };
}

function filled(template: string, name: string, value: string): string {
  return template.replace(`{${name}}`, () => value);
}
