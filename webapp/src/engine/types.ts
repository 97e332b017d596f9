/**
 * What the page knows of the engine. One worker owns every ONNX session; the page only sends photos, frames of a
 * driver and settings, and gets pixels back. No number of the models is written here: it comes from the manifest.
 */

/** A backend that can run the graphs. `wasm-threads`: several workers render, one frame each. */
export type Backend = "webgpu" | "wasm-threads" | "wasm";

/** Why something did not work; the page shows the text that belongs to the code. */
export type ErrorCode =
  | "download-failed"
  | "bundle-broken"
  | "not-an-image"
  | "image-too-large"
  | "no-face"
  | "face-too-small"
  | "face-turned-away"
  | "too-many-photos"
  | "several-faces"
  | "not-a-video"
  | "video-without-face"
  | "device-lost"
  | "engine-failed";

export class EngineError extends Error {
  constructor(
    readonly code: ErrorCode,
    message: string,
  ) {
    super(message);
    this.name = "EngineError";
  }
}

export interface DownloadProgress {
  readonly loadedBytes: number;
  readonly totalBytes: number;
  /** Every byte came from the browser's cache. */
  readonly fromCache: boolean;
}

export interface BackendReport {
  readonly chosen: Backend;
  /** How many workers render at once. */
  readonly threads: number;
  /** Median milliseconds a rendered frame for every backend that was tried; absent ones cannot run here. */
  readonly measured: Partial<Record<Backend, number>>;
}

/** A face that was found in a photo. */
export interface FoundFace {
  readonly id: number;
  /** x0, y0, x1, y1 in pixels of the photo. */
  readonly box: readonly [number, number, number, number];
}

export interface OpenedPhoto {
  readonly id: number;
  readonly width: number;
  readonly height: number;
  readonly faces: readonly FoundFace[];
}

/** Another photo of the person, which lends mouth and eyes from now on. */
export interface AddedPhoto {
  readonly id: number;
  /** Of the picture in which the face was looked for. */
  readonly width: number;
  readonly height: number;
  /** Of the face in it: x0, y0, x1, y1 in its pixels. */
  readonly box: readonly [number, number, number, number];
}

/** Factors of the motion, in the order of the manifest's `gains`; 1 leaves a motion as it is, 0 takes it out. */
export interface Gains {
  readonly pose: number;
  readonly expression: number;
  readonly eyes: number;
  readonly lips: number;
  readonly gaze: number;
}

/** Pixels on a side of the rendered square; `auto` adapts it. */
export type Size = "auto" | 256 | 512 | 1024;

export interface Preset {
  readonly name: string;
  readonly title: string;
  readonly seconds: number;
  readonly loop: boolean;
}

/** What moves the portrait. */
export type Motion =
  | { readonly kind: "preset"; readonly name: string }
  /** A driving video that the page plays; its frames arrive through `drive`. */
  | { readonly kind: "driver" };

export interface Frame {
  /** The whole photo with the faces moved, or the square of the face alone, as the viewer asked for. */
  readonly bitmap: ImageBitmap;
  /** Seconds since the motion began. */
  readonly time: number;
  readonly renderMs: number;
}

export interface Statistics {
  readonly fps: number;
  /** Pixels on a side of the square that is rendered now; it adapts to hold the wanted rate. */
  readonly size: number;
  readonly backend: Backend;
  readonly threads: number;
  readonly stagesMs: Readonly<Record<string, number>>;
  readonly droppedFrames: number;
}

/** What a live frame shows: the whole photo, or the square around the first face; reduced to `maxSide` pixels. */
export interface View {
  readonly show: "photo" | "face";
  readonly maxSide: number;
}

export interface EngineOptions {
  /** Folder of the bundle, relative to the page. */
  readonly bundle: string;
  /** Folder of ONNX Runtime's WebAssembly, relative to the page; `ort/` by default. */
  readonly runtime?: string;
  /** Overrides the choice by benchmark. */
  readonly backend?: Backend | undefined;
  readonly onDownload?: (progress: DownloadProgress) => void;
  readonly onFrame: (frame: Frame) => void;
  readonly onStatistics?: (statistics: Statistics) => void;
  /** The GPU was lost and the engine went on, perhaps on another backend; the photo is still there. */
  readonly onRecovered?: (report: BackendReport) => void;
  readonly onError?: (error: EngineError) => void;
}

/** R, G, B, A, row by row. */
export interface Pixels {
  readonly pixels: Uint8ClampedArray<ArrayBuffer>;
  readonly width: number;
  readonly height: number;
}

/** What was found of a watermark. */
export interface WatermarkReading {
  /** What it says; null if none was found. */
  readonly message: Uint8Array | null;
  /** 0..1, how well the pattern fits; about 0.3 in pictures without a mark. */
  readonly confidence: number;
  /** The share of the marked picture's longer side that is left; 1 for whole pictures. */
  readonly scale: number;
  /** How many pictures were looked at. */
  readonly frames: number;
}

export interface WatermarkTerms {
  readonly messageBytes: number;
  /** At most how many pictures of a file are to be looked at. */
  readonly frames: number;
}

/** A frame of a driver: the engine closes it. While one is in work the newest waits; older ones are dropped, not queued. */
export type DriverFrame = VideoFrame | ImageBitmap;

export interface Engine {
  readonly report: BackendReport;
  readonly presets: readonly Preset[];
  /** Up to how many photos of one person can be used together, the animated one among them (from the manifest). */
  readonly maxPhotos: number;

  /** Decodes, finds faces. Throws EngineError. EXIF rotation is applied; a picture too large is reduced. */
  openPhoto(file: Blob): Promise<OpenedPhoto>;
  /** Prepares these faces of the photo that was opened last and starts rendering them with the motion that is set. */
  chooseFaces(ids: readonly number[]): Promise<void>;
  /**
   * Looks at another photo of the one person who is animated, while the portrait moves on. Until other faces are
   * chosen, mouth and eyes are taken from all of them, in every frame from those that come nearest to it. Throws
   * EngineError: that of `openPhoto`, `too-many-photos`, or `several-faces` where more than one face is animated.
   */
  addPhoto(file: Blob): Promise<AddedPhoto>;
  /** Forgets another photo, and answers which of the rest went with it, because they cannot be read any more. */
  removePhoto(id: number): Promise<readonly number[]>;
  setMotion(motion: Motion): Promise<void>;
  setGains(gains: Gains): void;
  setSize(size: Size): void;
  setView(view: View): void;
  setBackend(backend: Backend | "auto"): Promise<BackendReport>;
  play(): void;
  pause(): void;

  /** Hands over a frame of the driving video or camera. Resolves with whether a face was seen, or null if dropped. */
  drive(frame: DriverFrame, timestampSeconds: number): Promise<boolean | null>;
  /** Takes the driver's next frame as its neutral face. */
  calibrate(): void;

  /**
   * Renders every frame of the motion that is set, in order and without dropping, for saving. For a driver, `source`
   * yields its frames. Yields whole photos with the faces moved.
   */
  renderAll(options: {
    readonly loops: number;
    readonly source?: AsyncIterable<{ readonly frame: DriverFrame; readonly time: number }>;
    /** Fades the end of a driver's motion into its beginning, so that the clip can be played in a loop. */
    readonly seamless?: boolean;
    readonly signal?: AbortSignal;
    /** A driver is followed to its end before the first frame is yielded: told of every frame that was followed. */
    readonly onFollowed?: (frames: number) => void;
  }): AsyncIterable<{ readonly bitmap: ImageBitmap; readonly time: number; readonly duration: number; readonly total: number }>;

  readonly watermarkTerms: WatermarkTerms;
  /** Lays the invisible watermark over a frame, whose pixels are handed over. */
  watermark(frame: Pixels, message: Uint8Array): Promise<Uint8ClampedArray<ArrayBuffer>>;
  /** Looks for a watermark in pictures of one file, which are handed over. */
  readWatermark(frames: readonly Pixels[]): Promise<WatermarkReading>;
  /** Fetches what further photos and watermarks need, so that it is on this device from then on. */
  fetchAhead(): Promise<void>;

  dispose(): void;
}

export type CreateEngine = (options: EngineOptions) => Promise<Engine>;
