/**
 * What the worker and those that render for it say to each other, each over a channel of its own.
 *
 * The page makes them and hands each the port of its channel, because in Firefox a worker that makes or ends workers may
 * hang for ever: it waits on a condition variable on which the other worker waits, too, and the one wake-up may go to
 * that one (`WorkerPrivate::WaitForIsDebuggerRegistered`; when workers are made, only while developer tools listen).
 */

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

/** Hands ports to the page, which makes a worker for each, and tells of those that break: by their place in the list. */
export type Recruit = (ports: readonly MessagePort[], onBroken: (member: number, message: string) => void) => void;

export type CrewOrder =
  | ({ readonly kind: "start" } & CrewStart)
  | { readonly kind: "hold"; readonly portrait: number; readonly values: Values }
  | { readonly kind: "forget"; readonly portrait: number }
  | { readonly kind: "render"; readonly job: number; readonly portrait: number; readonly target: Float32Array }
  | { readonly kind: "end" };

export type CrewAnswer =
  | { readonly kind: "started" }
  | { readonly kind: "rendered"; readonly job: number; readonly rendering: Rendering }
  /** job: null if what failed was no frame. */
  | { readonly kind: "failed"; readonly job: number | null; readonly message: string };
