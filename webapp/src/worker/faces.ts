/** Faces of a picture: found, tracked until they settle, from left to right. Mirrors runtime/faces.py. */

import { EngineError } from "../engine/types";
import { dispose, type Graphs, numbers } from "./graphs";
import type { Host, Thresholds } from "./manifest";
import type { Picture } from "./picture";

export type Box = readonly [number, number, number, number];

export interface Face {
  /** [478, 3] pixels of the picture. */
  readonly landmarks: Float32Array;
  readonly presence: number;
  /** Where to look for the face in the next frame: centre x, y, side, angle. */
  readonly nextRegion: Float32Array;
  readonly box: Box;
}

/** The face in a region of a picture, after at most `looks` looks at it. */
export async function trackFace(graphs: Graphs, picture: Picture, where: Float32Array, looks = 1): Promise<Face> {
  const { settled } = graphs.manifest.host.faces;
  const image = graphs.uint8(picture.pixels, [picture.height, picture.width, picture.channels]);
  let region = where;
  for (let look = 1; ; look++) {
    const outputs = await graphs.run("track", { image, region: graphs.input("track", "region", region) });
    const landmarks = numbers(outputs, "landmarks").slice();
    const nextRegion = numbers(outputs, "next_region").slice();
    const presence = numbers(outputs, "presence")[0] ?? 0;
    dispose(outputs);
    if (look >= looks || hasSettled(region, nextRegion, settled)) {
      image.dispose();
      return { landmarks, presence, nextRegion, box: boxOf(landmarks) };
    }
    region = nextRegion;
  }
}

/** All faces that the detectors propose, each once, from left to right, of any presence, size and pose. */
export async function findFaces(graphs: Graphs, picture: Picture): Promise<Face[]> {
  const { looks, same_face } = graphs.manifest.host.faces;
  const found: { box: Box; score: number; region: Float32Array }[] = [];
  for (const name of ["detect", "detect_far"] as const) {
    const image = graphs.uint8(picture.pixels, [picture.height, picture.width, picture.channels]);
    const outputs = await graphs.run(name, { image });
    const [boxes, scores, regions] = [numbers(outputs, "boxes"), numbers(outputs, "scores"), numbers(outputs, "regions")];
    const width = regions.length / Math.max(1, scores.length);
    scores.forEach((score, i) => {
      const region = regions.slice(i * width, (i + 1) * width);
      found.push({ box: corners(boxes, i), score, region });
    });
    dispose(outputs);
    image.dispose();
  }
  found.sort((a, b) => b.score - a.score);
  const faces: Face[] = [];
  for (const { region } of distinct(found, same_face)) faces.push(await trackFace(graphs, picture, region, looks));
  faces.sort((a, b) => b.presence - a.presence);
  return distinct(faces, same_face).sort((a, b) => a.box[0] + a.box[2] - (b.box[0] + b.box[2]));
}

/** Those that may be animated. Throws EngineError `no-face`, `face-too-small` or `face-turned-away`. */
export function fitFaces(faces: readonly Face[], limits: Thresholds, host: Host): Face[] {
  const present = faces.filter((face) => face.presence >= limits.presence);
  const largest = present.reduce<Face | undefined>((a, b) => (a && sizeOf(a) >= sizeOf(b) ? a : b), undefined);
  if (!largest) throw new EngineError("no-face", "No face was found in the picture.");
  const fit = present.filter((face) => objection(face, limits, host) === null);
  if (!fit.length) {
    const code = objection(largest, limits, host) ?? "no-face";
    throw new EngineError(code, "The face in the picture cannot be animated.");
  }
  return fit;
}

function objection(face: Face, limits: Thresholds, host: Host): "face-too-small" | "face-turned-away" | null {
  if (sizeOf(face) < limits.min_face) return "face-too-small";
  return Math.abs(yawDegrees(face, host)) > limits.max_yaw_degrees ? "face-turned-away" : null;
}

/** The longer side of the box, pixels. */
export function sizeOf(face: Face): number {
  const [x0, y0, x1, y1] = face.box;
  return Math.max(x1 - x0, y1 - y0);
}

/** Distance between the outer eye corners in 3-D, pixels: the unit of motion. */
export function eyeDistance(landmarks: Float32Array, host: Host): number {
  return Math.hypot(...acrossEyes(landmarks, host));
}

/** How far the head is turned to a side: the slope in depth of the line between the eye corners. */
export function yawDegrees(face: Face, host: Host): number {
  const [x, y, z] = acrossEyes(face.landmarks, host);
  return (Math.atan2(z, Math.hypot(x, y)) * 180) / Math.PI;
}

function acrossEyes(landmarks: Float32Array, host: Host): [number, number, number] {
  const [right, left] = host.faces.eye_corners;
  const along = (axis: number) => (landmarks[3 * left + axis] ?? 0) - (landmarks[3 * right + axis] ?? 0);
  return [along(0), along(1), along(2)];
}

function hasSettled(region: Float32Array, next: Float32Array, settled: number): boolean {
  const moved = region.map((value, i) => Math.abs((next[i] ?? 0) - value));
  const [x = 0, y = 0, side = 0, angle = 0] = moved;
  return Math.max(x, y, side) < settled * (region[2] ?? 0) && angle < settled * 2 * Math.PI;
}

function boxOf(landmarks: Float32Array): Box {
  let [x0, y0, x1, y1] = [Infinity, Infinity, -Infinity, -Infinity];
  for (let i = 0; i + 1 < landmarks.length; i += 3) {
    const [x, y] = [landmarks[i] ?? 0, landmarks[i + 1] ?? 0];
    [x0, y0, x1, y1] = [Math.min(x0, x), Math.min(y0, y), Math.max(x1, x), Math.max(y1, y)];
  }
  return [x0, y0, x1, y1];
}

function corners(boxes: Float32Array, i: number): Box {
  const [x0 = 0, y0 = 0, x1 = 0, y1 = 0] = boxes.subarray(4 * i, 4 * i + 4);
  return [x0, y0, x1, y1];
}

/** Those whose box does not show the same face as an earlier one. */
export function distinct<T extends { readonly box: Box }>(items: readonly T[], sameFace: number): T[] {
  const kept: T[] = [];
  for (const item of items) {
    if (kept.every((other) => overlap(item.box, other.box) < sameFace)) kept.push(item);
  }
  return kept;
}

/** Intersection over union. */
export function overlap(a: Box, b: Box): number {
  const width = Math.max(0, Math.min(a[2], b[2]) - Math.max(a[0], b[0]));
  const height = Math.max(0, Math.min(a[3], b[3]) - Math.max(a[1], b[1]));
  const shared = width * height;
  const union = (a[2] - a[0]) * (a[3] - a[1]) + (b[2] - b[0]) * (b[3] - b[1]) - shared;
  return union > 0 ? shared / union : 0;
}
