/** Motion tracks: safetensors with what a face does over time. Mirrors runtime/tracks.py. */

import { EngineError, type Preset } from "../engine/types";

const FORMAT = "vivant-motion-1";
const HEADER_LENGTH = 8; // bytes in front of the header, which hold its length

/** One moment of a motion: what the graph `retarget` takes besides the source and the gains. */
export interface MotionFrame {
  readonly rotation: Float32Array;
  readonly translation: Float32Array;
  readonly scale: Float32Array;
  readonly expression: Float32Array;
}

interface Stored {
  readonly data: Float32Array;
  readonly shape: readonly number[];
}

export class MotionTrack {
  readonly length: number;
  readonly fps: number;
  readonly loop: boolean;
  readonly title: string;

  constructor(
    private readonly tensors: Readonly<Record<"rotation" | "translation" | "scale" | "expression" | "basis", Stored>>,
    metadata: Readonly<Record<string, string>>,
  ) {
    this.length = tensors.rotation.shape[0] ?? 0;
    this.fps = Number(metadata["fps"]);
    this.loop = metadata["loop"] === "true";
    this.title = metadata["title"] ?? "";
    if (metadata["format"] !== FORMAT || !(this.length > 0) || !(this.fps > 0)) throw damaged();
  }

  preset(name: string): Preset {
    return { name, title: this.title, seconds: this.length / this.fps, loop: this.loop };
  }

  /** The frame of this number; a loop goes on for ever, another track stays at its ends. */
  frame(index: number): MotionFrame {
    const last = this.length - 1;
    const i = this.loop ? ((index % this.length) + this.length) % this.length : Math.min(Math.max(index, 0), last);
    const { rotation, translation, scale, expression, basis } = this.tensors;
    const shares = row(expression, i);
    const displacement = new Float32Array(basis.data.length / Math.max(1, shares.length));
    shares.forEach((share, shape) => {
      const start = shape * displacement.length;
      for (let k = 0; k < displacement.length; k++) {
        displacement[k] = (displacement[k] ?? 0) + share * (basis.data[start + k] ?? 0);
      }
    });
    return {
      rotation: row(rotation, i),
      translation: row(translation, i),
      scale: row(scale, i),
      expression: displacement,
    };
  }
}

/** Reads a track's file; throws EngineError `bundle-broken`. */
export function parseTrack(file: ArrayBuffer): MotionTrack {
  try {
    const length = Number(new DataView(file).getBigUint64(0, true));
    const header = JSON.parse(new TextDecoder().decode(new Uint8Array(file, HEADER_LENGTH, length)));
    const stored = (name: string): Stored => {
      const { dtype, shape, data_offsets } = header[name];
      const [start, end] = data_offsets as [number, number];
      const count = (shape as number[]).reduce((product, n) => product * n, 1);
      const bytes = file.slice(HEADER_LENGTH + length + start, HEADER_LENGTH + length + end);
      if (dtype !== "F32" || bytes.byteLength !== Float32Array.BYTES_PER_ELEMENT * count) throw damaged();
      return { data: new Float32Array(bytes), shape };
    };
    const tensors = {
      rotation: stored("rotation"),
      translation: stored("translation"),
      scale: stored("scale"),
      expression: stored("expression"),
      basis: stored("basis"),
    };
    return new MotionTrack(tensors, header.__metadata__ ?? {});
  } catch {
    throw damaged();
  }
}

function row({ data, shape }: Stored, i: number): Float32Array {
  const width = data.length / (shape[0] ?? 1);
  return data.slice(i * width, (i + 1) * width);
}

function damaged(): EngineError {
  return new EngineError("bundle-broken", "A motion of the bundle is damaged.");
}
