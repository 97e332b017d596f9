/** What the page and the worker say to each other. */

import type {
  AddedPhoto,
  Backend,
  BackendReport,
  DownloadProgress,
  ErrorCode,
  Frame,
  Gains,
  Motion,
  OpenedPhoto,
  Pixels,
  Preset,
  Statistics,
  View,
  WatermarkReading,
  WatermarkTerms,
} from "../engine/types";

export interface Started {
  readonly report: BackendReport;
  readonly presets: readonly Preset[];
  readonly maxPhotos: number;
  readonly watermark: WatermarkTerms;
}

export interface RenderedFrame {
  readonly bitmap: ImageBitmap;
  readonly time: number;
  readonly duration: number;
  readonly total: number;
}

/** Requests: what they carry and what they are answered with. */
export interface Calls {
  start: [request: { bundle: string; runtime: string; backend: Backend | undefined }, answer: Started];
  openPhoto: [request: { file: Blob }, answer: OpenedPhoto];
  chooseFaces: [request: { ids: readonly number[] }, answer: null];
  /** Another photo of the person who is animated, under a number of the page's own. */
  addPhoto: [request: { id: number; file: Blob }, answer: Omit<AddedPhoto, "id">];
  removePhoto: [request: { id: number }, answer: readonly number[]];
  setMotion: [request: { motion: Motion }, answer: null];
  setGains: [request: { gains: Gains }, answer: null];
  setSize: [request: { size: number | "auto" }, answer: null];
  setView: [request: { view: View }, answer: null];
  setPlaying: [request: { playing: boolean }, answer: null];
  drive: [request: { frame: VideoFrame | ImageBitmap; seconds: number }, answer: boolean];
  calibrate: [request: object, answer: null];
  /** Begins to render for a file; live rendering rests until `endFile`. */
  beginFile: [request: { loops: number; seamless: boolean }, answer: null];
  /** A frame of the driver for the file, in order; answers whether a face was seen. */
  followForFile: [request: { frame: VideoFrame | ImageBitmap; seconds: number }, answer: boolean];
  /** The file's frame of this number; null after the last. */
  renderForFile: [request: { index: number }, answer: RenderedFrame | null];
  endFile: [request: object, answer: null];
  /** Fetches the graphs that the first portrait moved without, so that they are on this device from then on. */
  fetchAhead: [request: object, answer: null];
  /** A frame's pixels with the watermark in them. */
  watermark: [request: { frame: Pixels; message: Uint8Array }, answer: Uint8ClampedArray<ArrayBuffer>];
  readWatermark: [request: { frames: readonly Pixels[] }, answer: WatermarkReading];
  /** Throws the GPU away, as a driver's crash would: for tests of the recovery. */
  loseDevice: [request: object, answer: null];
}
export type CallName = keyof Calls;

export type Request = {
  [Name in CallName]: { readonly id: number; readonly call: Name; readonly with: Calls[Name][0] };
}[CallName];

export interface Failure {
  readonly code: ErrorCode;
  readonly message: string;
}

export type Message =
  | { readonly kind: "answer"; readonly id: number; readonly value: unknown }
  | { readonly kind: "failure"; readonly id: number; readonly failure: Failure }
  | { readonly kind: "download"; readonly progress: DownloadProgress }
  | { readonly kind: "frame"; readonly frame: Frame }
  | { readonly kind: "statistics"; readonly statistics: Statistics }
  | { readonly kind: "error"; readonly failure: Failure }
  | { readonly kind: "lost" }
  /** Wanted: a worker for each of these ports, to render for this one. */
  | { readonly kind: "crew"; readonly ports: readonly MessagePort[] };

/** What the page tells without an answer. */
export type Notice =
  /** It took a frame: the worker may send the next. */
  | { readonly call: "frameTaken" }
  /** A worker that renders, by its port's place in the list, broke. */
  | { readonly call: "crewBroke"; readonly member: number; readonly message: string };
