/** What the page and the worker that signs say to each other. */

import type { Examination } from "./report";
import type { SignedFile, SignOrder } from "./signing";

/** Requests: what they carry and what they are answered with. */
export interface Calls {
  /** Fetches what signing needs, so that it is on this device from then on. */
  fetch: [request: null, answer: null];
  /** Gets everything ready to sign. */
  prepare: [request: { version: string }, answer: null];
  sign: [request: { version: string; order: SignOrder }, answer: SignedFile];
  examine: [request: { file: Blob; sidecar: Blob | null }, answer: Examination];
}
export type CallName = keyof Calls;

export type Request = { [Name in CallName]: { readonly id: number; readonly call: Name; readonly with: Calls[Name][0] } }[CallName];

/** `unavailable`: a file of the site could not be fetched. */
export type Failure = "unavailable" | "failed";

export type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly failure: Failure; readonly message: string };
