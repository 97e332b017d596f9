import { signal } from "@preact/signals";
import { CameraError } from "../media/camera";
import type { Recording } from "../media/recording";
import type { EngineLink } from "./engine-link";
import { Lead } from "./lead";
import { cameraNotice, type Notice, problemNotice } from "./notice";
import type { SaveSource } from "./save-job";
import type { WithEngine } from "./settings";

export const FIRST_PRESET = "idle";

interface MotionsOptions {
  readonly link: EngineLink;
  readonly withEngine: WithEngine;
  readonly tell: (notice: Notice | null) => void;
  /** Whether there is a portrait to lead. */
  readonly alive: () => boolean;
  /** The portrait is to move. */
  readonly onMotion: () => void;
  /** What a camera showed was recorded. */
  readonly onRecorded: () => void;
}

/** What moves the portrait: a preset, a camera or a video, or what was recorded of a camera. */
export class Motions {
  readonly preset = signal(FIRST_PRESET);
  readonly recording = signal<Recording | null>(null);
  readonly lead: Lead;

  constructor(private readonly options: MotionsOptions) {
    this.lead = new Lead({
      onCameraLost: (problem) => void this.#ended(cameraNotice(problem)),
      onNoFaceInVideo: () => void this.#ended(problemNotice("video-without-face")),
      onRecorded: (recording) => {
        this.recording.value = recording;
        options.onRecorded();
      },
    });
  }

  async setPreset(name: string): Promise<void> {
    this.lead.stop();
    this.recording.value = null;
    this.preset.value = name;
    await this.options.withEngine(async (engine) => {
      this.options.onMotion(); // at once: a pause that is asked for while the preset comes is not undone
      await engine.setMotion({ kind: "preset", name });
    });
  }

  async leadByCamera(): Promise<void> {
    const { tell, withEngine, onMotion } = this.options;
    tell(null);
    await withEngine(async (engine) => {
      try {
        await this.lead.startCamera(engine);
        onMotion();
      } catch (error) {
        if (!(error instanceof CameraError)) throw error;
        tell(cameraNotice(error.problem, () => void this.leadByCamera()));
      }
    });
  }

  async leadByVideo(file: File): Promise<void> {
    const { alive, tell, withEngine, onMotion } = this.options;
    tell(alive() ? null : problemNotice("photo-first"));
    if (!alive()) return;
    await withEngine(async (engine) => {
      try {
        await this.lead.startVideo(file, engine);
        this.recording.value = null;
        onMotion();
      } catch {
        tell(problemNotice("not-a-video"));
      }
    });
  }

  stopLeading(): Promise<void> {
    return this.setPreset(this.preset.value);
  }

  /** What would be saved now. */
  source(): SaveSource {
    const recording = this.recording.value;
    if (recording !== null) return { kind: "recording", recording, seconds: recording.seconds };
    const leader = this.lead.leader.value;
    if (leader?.kind === "video") return { kind: "video", file: leader.file, seconds: leader.video.duration };
    const preset = this.options.link.presets.value.find(({ name }) => name === this.preset.value);
    return { kind: "preset", seconds: preset?.seconds ?? 0 };
  }

  async #ended(notice: Notice): Promise<void> {
    await this.stopLeading();
    this.options.tell(notice);
  }
}
