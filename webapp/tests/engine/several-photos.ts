/** One person in several photos, and what native ONNX Runtime makes of them: made from the one sample there is of her. */

import { readFileSync } from "node:fs";
import { join } from "node:path";
import { nativeReference, REPOSITORY, test } from "./browser";

/** Its first frame has a wide open mouth. */
export const PRESET = "speaker-expressive";
const ASTRONAUT = join(REPOSITORY, "models/samples/astronaut.jpg");
/** The animated one has her lips pressed together. */
const ANIMATED = ["--photo", ASTRONAUT, "--shut", "--preset", PRESET, "--frames", "0"];
/** An open smile, and the very expression that is to be rendered. */
const OTHERS = ["--also", ASTRONAUT, "--also", `${ASTRONAUT}@${PRESET}:0`];

export type Box = readonly [number, number, number, number];

/** Pictures in base64, and where the frame has mouth and eyes. */
export interface SeveralPhotos {
  readonly photo: string;
  readonly others: readonly string[];
  /** The preset's first frame, with mouth and eyes from all of them. */
  readonly frame: string;
  readonly mouth: Box;
  readonly eyes: readonly Box[];
}

/** "auto": in the precision that browsers have on a processor. */
export function severalPhotos(precision: "fp32" | "auto", ...options: readonly string[]): SeveralPhotos {
  const folder = rendered(precision, ...OTHERS, ...options);
  const { parts } = JSON.parse(readFileSync(join(folder, "reference.json"), "utf8"));
  const { mouth, right_eye, left_eye } = parts[0];
  return {
    photo: picture(folder, "photo.png"),
    others: ["other-0.png", "other-1.png"].map((name) => picture(folder, name)),
    frame: picture(folder, "frame-000.png"),
    mouth,
    eyes: [right_eye, left_eye],
  };
}

/** The same frame from the animated photo alone. */
export function frameAlone(precision: "fp32" | "auto", ...options: readonly string[]): string {
  return picture(rendered(precision, ...options), "frame-000.png");
}

function rendered(precision: string, ...options: readonly string[]): string {
  const folder = nativeReference(...ANIMATED, "--precision", precision, ...options);
  test.skip(folder === null, "there is no Python environment to render the reference (make it with `make test`)");
  return folder ?? "";
}

function picture(folder: string, name: string): string {
  return readFileSync(join(folder, name)).toString("base64");
}

/** Boxes with as much room around them as they are wide: what is painted when a part moves. */
export function around(boxes: readonly Box[]): Box[] {
  return boxes.map(([x0, y0, x1, y1]) => {
    const room = x1 - x0;
    return [x0 - room, y0 - room, x1 + room, y1 + room];
  });
}
