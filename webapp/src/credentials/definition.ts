/** What every file says about itself: the manifest that c2pa's builder takes. Mirrors runtime/provenance.py. */

import { MARKS } from "../marks";
import { base64url } from "./bytes";

/** What a file was made of. */
export interface Origin {
  /** The photo's file name. */
  readonly photo: string;
  /** Of that file, 32 bytes. */
  readonly sha256: Uint8Array;
  readonly mediaType: string;
  /** The motion's name. */
  readonly motion: string;
  /** The text that every frame shows; null if the visitor had it left out. */
  readonly label: string | null;
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
  const { motion, label } = origin;
  const created = {
    ...common,
    action: "c2pa.created",
    description: filled(MARKS.created, "motion", motion),
    parameters: { ingredientIds: [MARKS.photo.label], [MARKS.details]: { motion, label } },
  };
  const edited = label === null ? [] : [{ ...common, action: "c2pa.edited", description: filled(MARKS.edited, "label", label) }];
  return {
    claim_generator_info: [agent],
    title,
    ingredients: [ingredient(origin)],
    assertions: [{ label: "c2pa.actions.v2", data: { actions: [created, ...edited] }, created: true }],
  };
}

function ingredient({ photo, sha256, mediaType }: Origin): object {
  return { ...MARKS.photo, title: photo, format: mediaType, instance_id: MARKS.hash_uri + base64url(sha256) };
}

function filled(template: string, name: string, value: string): string {
  return template.replace(`{${name}}`, () => value);
}
