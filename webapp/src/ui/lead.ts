import { signal } from "@preact/signals";
import type { Engine } from "../engine/types";
import { CameraError, type CameraProblem, closeCamera, openCamera } from "../media/camera";
import { Driver } from "../media/driver";
import { LONGEST_RECORDING, Recording } from "../media/recording";
import { loadVideo, playOn, silentVideo } from "../media/video";

/** Who leads the portrait now, if not a preset. */
export type Leader =
  | { readonly kind: "camera"; readonly video: HTMLVideoElement; readonly stream: MediaStream }
  | { readonly kind: "video"; readonly video: HTMLVideoElement; readonly file: File };

const CAMERA_HEIGHT = 480;

export interface LeadEvents {
  /** The camera went away by itself, for example because its plug was pulled. */
  readonly onCameraLost: (problem: CameraProblem) => void;
  /** The whole video was played and no face was seen in it. */
  readonly onNoFaceInVideo: () => void;
  readonly onRecorded: (recording: Recording) => void;
}

/** The camera or the video that leads the portrait: starts, previews, records and ends it. */
export class Lead {
  readonly leader = signal<Leader | null>(null);
  /** Whether the engine saw a face in the last frame; null before the first one. */
  readonly faceSeen = signal<boolean | null>(null);
  readonly starting = signal(false);
  /** Seconds recorded so far, or null when nothing is being recorded. */
  readonly recorded = signal<number | null>(null);

  readonly #events: LeadEvents;
  #driver: Driver | null = null;
  #ticker = 0;

  constructor(events: LeadEvents) {
    this.#events = events;
  }

  /** @throws CameraError */
  async startCamera(engine: Engine): Promise<void> {
    const stream = await this.#opening(openCamera(CAMERA_HEIGHT));
    const video = silentVideo();
    video.srcObject = stream;
    stream.getVideoTracks()[0]?.addEventListener("ended", () => {
      if (this.leader.value?.video !== video) return;
      this.stop();
      this.#events.onCameraLost("failed");
    });
    await this.#follow({ kind: "camera", video, stream }, engine);
  }

  /** @throws VideoError */
  async startVideo(file: File, engine: Engine): Promise<void> {
    const video = await this.#opening(loadVideo(file));
    video.addEventListener("ended", () => {
      if (this.leader.value?.video !== video) return;
      if (this.faceSeen.value === null) {
        this.stop();
        this.#events.onNoFaceInVideo();
        return;
      }
      video.currentTime = 0;
      void playOn(video);
    });
    await this.#follow({ kind: "video", video, file }, engine);
  }

  stop(): void {
    this.#driver?.stop();
    this.#driver = null;
    this.#endRecording();
    const leader = this.leader.value;
    this.leader.value = null;
    this.faceSeen.value = null;
    if (leader === null) return;
    leader.video.pause();
    if (leader.kind === "camera") closeCamera(leader.stream);
    else URL.revokeObjectURL(leader.video.src);
  }

  setPlaying(playing: boolean): void {
    const video = this.leader.value?.video;
    if (video === undefined) return;
    if (playing) void playOn(video);
    else video.pause();
  }

  startRecording(): void {
    if (this.#driver === null) return;
    const recording = new Recording();
    this.#driver.recording = recording;
    this.recorded.value = 0;
    this.#ticker = window.setInterval(() => {
      this.recorded.value = recording.seconds;
      if (recording.seconds >= LONGEST_RECORDING) this.stopRecording();
    }, 200);
  }

  stopRecording(): void {
    const recording = this.#driver?.recording ?? null;
    this.#endRecording();
    if (recording !== null && recording.frames > 0) this.#events.onRecorded(recording);
  }

  #endRecording(): void {
    window.clearInterval(this.#ticker);
    if (this.#driver !== null) this.#driver.recording = null;
    this.recorded.value = null;
  }

  async #opening<T>(source: Promise<T>): Promise<T> {
    this.starting.value = true;
    try {
      return await source;
    } finally {
      this.starting.value = false;
    }
  }

  async #follow(leader: Leader, engine: Engine): Promise<void> {
    this.stop();
    await leader.video.play().catch(() => {
      if (leader.kind === "camera") throw new CameraError("failed");
      // A video that may not start by itself starts with the play button.
    });
    await engine.setMotion({ kind: "driver" });
    engine.calibrate();
    this.leader.value = leader;
    this.#driver = new Driver({
      video: leader.video,
      mirrored: leader.kind === "camera",
      drive: (frame, seconds) => engine.drive(frame, seconds),
      onSeen: (seen) => {
        // A video counts as without a face only if none was ever seen.
        if (seen || this.faceSeen.value !== null || leader.kind === "camera") this.faceSeen.value = seen;
      },
    });
    this.#driver.start();
  }
}
