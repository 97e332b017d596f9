/** MP4 and WebM: WebCodecs encodes, mediabunny writes the container. */

import {
  BufferTarget,
  CanvasSource,
  getFirstEncodableVideoCodec,
  Mp4OutputFormat,
  Output,
  QUALITY_HIGH,
  type VideoCodec,
  WebMOutputFormat,
} from "mediabunny";
import { MARKS } from "../marks";
import type { ClipWriter } from "./writer";

export type VideoFormat = "mp4" | "webm";
const CODECS: Readonly<Record<VideoFormat, VideoCodec[]>> = {
  mp4: ["avc", "hevc"], // what every player of MP4 files reads
  webm: ["vp9", "vp8", "av1"],
};

/** The codec with which this browser can write such a file; null if it cannot. */
export async function codecFor(format: VideoFormat, width: number, height: number): Promise<VideoCodec | null> {
  if (!("VideoEncoder" in globalThis)) return null;
  return getFirstEncodableVideoCodec(CODECS[format], { width, height, quality: QUALITY_HIGH });
}

export class VideoWriter implements ClipWriter {
  private constructor(
    private readonly output: Output<Mp4OutputFormat | WebMOutputFormat, BufferTarget>,
    private readonly source: CanvasSource,
  ) {}

  static async open(canvas: OffscreenCanvas, format: VideoFormat, title: string): Promise<VideoWriter> {
    const codec = await codecFor(format, canvas.width, canvas.height);
    if (!codec) throw new Error(`This browser cannot write ${format.toUpperCase()} files of this size.`);
    const container = format === "mp4" ? new Mp4OutputFormat({ fastStart: "in-memory" }) : new WebMOutputFormat();
    const output = new Output({ format: container, target: new BufferTarget() });
    const source = new CanvasSource(canvas, { codec, quality: QUALITY_HIGH, contentHint: "detail" });
    output.addVideoTrack(source);
    output.setMetadataTags({ title, comment: MARKS.note });
    await output.start();
    return new VideoWriter(output, source);
  }

  add(time: number, duration: number): Promise<void> {
    return this.source.add(time, duration);
  }

  async finish(): Promise<Uint8Array<ArrayBuffer>> {
    await this.output.finalize();
    return new Uint8Array(this.output.target.buffer ?? new ArrayBuffer(0));
  }

  async cancel(): Promise<void> {
    await this.output.cancel();
  }
}
