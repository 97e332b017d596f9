/** Following one face through a driver's frames, and what it does relative to its neutral. Mirrors runtime/driver.py. */

import { eyeDistance, type Face, findFaces, sizeOf, trackFace } from "./faces";
import { dispose, type Graphs, numbers } from "./graphs";
import type { Picture } from "./picture";
import { OneEuroFilter } from "./smoothing";
import type { MotionFrame } from "./tracks";

const AXES = 3;
const OVERLAP_SECONDS = 0.6; // of a loop made from a video

/** Tracks one face from frame to frame; detects anew at the start, at a cut and when the face was lost. */
export class FaceFollower {
  #last: Face | null = null;
  #lost = true;
  #changed = false;
  #thumbnail: Float32Array | null = null;

  constructor(private readonly graphs: Graphs) {}

  /** The face in the next frame, and whether a new shot begins with it. */
  async next(picture: Picture): Promise<{ face: Face | null; cut: boolean }> {
    const { host, thresholds } = this.graphs.manifest;
    const thumbnail = thumbnailOf(picture, host.driver.thumbnail);
    if (this.#thumbnail && meanChange(thumbnail, this.#thumbnail) > host.driver.cut) this.#changed = true;
    this.#thumbnail = thumbnail;
    let face: Face | null = null;
    if (this.#last && !this.#lost && !this.#changed) {
      face = await trackFace(this.graphs, picture, this.#last.nextRegion);
    }
    if (!face || face.presence < thresholds.presence) face = await this.#detect(picture);
    this.#lost = face === null;
    if (!face) return { face, cut: false };
    const cut = this.#changed && this.#last !== null && this.#jumped(this.#last, face);
    this.#last = face;
    this.#changed = false;
    return { face, cut };
  }

  async #detect(picture: Picture): Promise<Face | null> {
    const { thresholds } = this.graphs.manifest;
    const faces = (await findFaces(this.graphs, picture)).filter((face) => face.presence >= thresholds.presence);
    const last = this.#last;
    const better = (a: Face, b: Face): boolean =>
      last && !this.#changed ? distance(a, last) <= distance(b, last) : sizeOf(a) >= sizeOf(b);
    return faces.reduce<Face | null>((best, face) => (best && better(best, face) ? best : face), null);
  }

  #jumped(before: Face, after: Face): boolean {
    const { host } = this.graphs.manifest;
    let sum = 0;
    for (let i = 0; i < after.landmarks.length; i += AXES) {
      const [x, y] = [i, i + 1].map((k) => (after.landmarks[k] ?? 0) - (before.landmarks[k] ?? 0));
      sum += Math.hypot(x ?? 0, y ?? 0);
    }
    const moved = sum / (after.landmarks.length / AXES);
    return moved > host.driver.jump * eyeDistance(before.landmarks, host);
  }
}

/** The motion of a live driver: smoothed, relative to a neutral face that may be taken anew at any time. */
export class LiveDriver {
  readonly #follower: FaceFollower;
  readonly #smooth: OneEuroFilter;
  #neutral: Float32Array | null = null;
  #unit = 1;

  constructor(private readonly graphs: Graphs) {
    this.#follower = new FaceFollower(graphs);
    this.#smooth = new OneEuroFilter(graphs.manifest.host.smoothing, AXES);
  }

  /** The next face counts as the neutral one. */
  calibrate(): void {
    this.#neutral = null;
  }

  /** What the face does in this frame; null where none is seen. */
  async next(picture: Picture, seconds: number): Promise<MotionFrame | null> {
    const { face, cut } = await this.#follower.next(picture);
    if (!face) return null;
    if (cut) {
      this.#smooth.reset();
      this.#neutral = null;
    }
    if (!this.#neutral) this.#unit = eyeDistance(face.landmarks, this.graphs.manifest.host);
    const landmarks = this.#smooth.next(face.landmarks, seconds, this.#unit);
    this.#neutral ??= landmarks.slice();
    return relativeMotion(this.graphs, this.#neutral, landmarks);
  }
}

/** A whole video's face, as `vivant animate` follows it: nothing is dropped, every shot starts from rest. */
export class Performance {
  readonly #follower: FaceFollower;
  readonly #faces: { landmarks: Float32Array; seconds: number }[] = [];
  #shots: number[] = [0];

  constructor(private readonly graphs: Graphs) {
    this.#follower = new FaceFollower(graphs);
  }

  get length(): number {
    return this.#faces.length;
  }

  /** Takes the next frame; a frame without a face repeats the last, and those before the first face are skipped. */
  async add(picture: Picture, seconds: number): Promise<boolean> {
    const { face, cut } = await this.#follower.next(picture);
    const landmarks = face?.landmarks ?? this.#faces.at(-1)?.landmarks;
    if (!landmarks) return false;
    if (cut) this.#shots.push(this.#faces.length);
    this.#faces.push({ landmarks, seconds });
    return face !== null;
  }

  /** When each frame is shown, from 0. */
  times(): number[] {
    const start = this.#faces[0]?.seconds ?? 0;
    return this.#faces.map((face) => face.seconds - start);
  }

  /**
   * The motion of every frame, smoothed. `seamless` makes a loop of a video without cuts, shorter by its overlap: the
   * beginning is cross-faded with what followed the new end.
   */
  async motions(seamless = false): Promise<MotionFrame[]> {
    const { host } = this.graphs.manifest;
    const smooth = new OneEuroFilter(host.smoothing, AXES);
    const unit = median(this.#faces.map((face) => eyeDistance(face.landmarks, host)));
    const landmarks: Float32Array[] = [];
    for (const [i, face] of this.#faces.entries()) {
      if (this.#shots.includes(i)) smooth.reset();
      landmarks.push(smooth.next(face.landmarks, face.seconds, unit));
    }
    const [first] = landmarks;
    const looped = seamless && this.#shots.length === 1 ? crossFaded(landmarks, this.#overlap()) : landmarks;
    const motions: MotionFrame[] = [];
    let neutral = first;
    for (const [i, points] of looped.entries()) {
      if (i > 0 && this.#shots.includes(i)) neutral = points;
      if (neutral) motions.push(await relativeMotion(this.graphs, neutral, points));
    }
    return motions;
  }

  /** Frames that are cross-faded. */
  #overlap(): number {
    const seconds = this.times().at(-1) ?? 0;
    const frames = seconds > 0 ? Math.round((OVERLAP_SECONDS * (this.length - 1)) / seconds) : 0;
    return Math.min(frames, this.length >> 1);
  }
}

/** The same points without the last `overlap` frames, which were mixed into the first ones. */
export function crossFaded(points: readonly Float32Array[], overlap: number): Float32Array[] {
  const kept = points.slice(0, points.length - overlap);
  return kept.map((frame, i) => {
    const tail = points[kept.length + i];
    if (i >= overlap || !tail) return frame;
    const x = (i + 1) / (overlap + 1);
    const share = x * x * (3 - 2 * x);
    return frame.map((value, k) => (tail[k] ?? 0) + (value - (tail[k] ?? 0)) * share);
  });
}

async function relativeMotion(graphs: Graphs, neutral: Float32Array, driver: Float32Array): Promise<MotionFrame> {
  const outputs = await graphs.run("motion", {
    neutral: graphs.input("motion", "neutral", neutral),
    driver: graphs.input("motion", "driver", driver),
  });
  const [rotation, translation] = [numbers(outputs, "rotation"), numbers(outputs, "translation")];
  const motion = { rotation, translation, scale: numbers(outputs, "scale"), expression: numbers(outputs, "expression") };
  dispose(outputs);
  return motion;
}

function distance(face: Face, last: Face): number {
  const [x, y] = [0, 1].map((k) => (face.nextRegion[k] ?? 0) - (last.nextRegion[k] ?? 0));
  return Math.hypot(x ?? 0, y ?? 0);
}

/** Every n-th pixel, `side` on a side: enough to notice a cut. */
export function thumbnailOf({ pixels, width, height, channels }: Picture, side: number): Float32Array {
  const at = (i: number, length: number) => Math.trunc((i * (length - 1)) / (side - 1));
  const thumbnail = new Float32Array(side * side * channels);
  for (let y = 0, to = 0; y < side; y++) {
    for (let x = 0; x < side; x++) {
      const from = (at(y, height) * width + at(x, width)) * channels;
      for (let c = 0; c < channels; c++) thumbnail[to++] = pixels[from + c] ?? 0;
    }
  }
  return thumbnail;
}

function meanChange(a: Float32Array, b: Float32Array): number {
  return a.reduce((sum, value, i) => sum + Math.abs(value - (b[i] ?? 0)), 0) / a.length;
}

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return ((sorted[Math.ceil(middle) - 1] ?? 1) + (sorted[Math.floor(middle)] ?? 1)) / 2;
}
