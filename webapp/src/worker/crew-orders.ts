/** What the worker and those that render for it say to each other. */

import type { Manifest } from "./manifest";
import type { Rendering, Values } from "./renderer";

export interface CrewStart {
  /** Folder of ONNX Runtime's files, absolute. */
  readonly runtime: string;
  /** Which of its builds: the one that is loaded already, so that no other is fetched. */
  readonly gpu: boolean;
  readonly manifest: Manifest;
  /** The graph `render`. */
  readonly model: ArrayBuffer;
}

export type CrewOrder =
  | ({ readonly kind: "start" } & CrewStart)
  | { readonly kind: "hold"; readonly portrait: number; readonly values: Values }
  | { readonly kind: "forget"; readonly portrait: number }
  | { readonly kind: "render"; readonly job: number; readonly portrait: number; readonly target: Float32Array };

export type CrewAnswer =
  /** Unasked, once it can be asked. */
  | { readonly kind: "loaded" }
  | { readonly kind: "started" }
  | { readonly kind: "rendered"; readonly job: number; readonly rendering: Rendering }
  /** job: null if what failed was no frame. */
  | { readonly kind: "failed"; readonly job: number | null; readonly message: string };
