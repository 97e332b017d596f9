/** The worker: answers the page's requests one by one and plays in between. */

import { EngineError } from "../engine/types";
import { FileJob } from "./file-job";
import { FrameReader } from "./picture";
import { Player } from "./player";
import type { CallName, Calls, Failure, FrameTaken, Message, Request } from "./protocol";
import { start } from "./start";
import { Studio } from "./studio";

type Handlers = { readonly [Name in CallName]: (request: Calls[Name][0]) => Promise<Calls[Name][1]> };

const LOSS_SHOWS_MS = 500;

const reader = new FrameReader();
let studio: Studio | null = null;
let player: Player | null = null;
let job: FileJob | null = null;
let lost = false;
let last: Promise<unknown> = Promise.resolve();

function send(message: Message, transfer: Transferable[] = []): void {
  postMessage(message, { transfer });
}

/** Runs work after all work before it. */
function exclusive<T>(work: () => Promise<T>): Promise<T> {
  const outcome = last.then(work);
  last = outcome.catch(() => undefined);
  return outcome;
}

function failure(error: unknown): Failure {
  if (error instanceof EngineError) return { code: error.code, message: error.message };
  return { code: "engine-failed", message: error instanceof Error ? error.message : String(error) };
}

/** Of a frame that failed because the GPU was lost, only the loss is told: it shows a moment later. */
function report(error: unknown): void {
  setTimeout(() => {
    if (!lost) send({ kind: "error", failure: failure(error) });
  }, LOSS_SHOWS_MS);
}

function started(): { studio: Studio; player: Player } {
  if (!studio || !player) throw new EngineError("engine-failed", "The engine has not started.");
  return { studio, player };
}

/** Changes something that frames depend on, then draws the paused picture anew. */
async function change(work: (studio: Studio) => Promise<void> | void): Promise<null> {
  const { studio, player } = started();
  await exclusive(async () => work(studio));
  await player.refresh();
  return null;
}

const handlers: Handlers = {
  async start(request) {
    const loaded = await start({
      ...request,
      onDownload: (progress) => send({ kind: "download", progress }),
      onLost: () => {
        lost = true;
        send({ kind: "lost" });
      },
    });
    studio = new Studio(loaded);
    player = new Player(studio, exclusive, {
      onFrame: (frame) => send({ kind: "frame", frame }, [frame.bitmap]),
      onStatistics: (statistics) => send({ kind: "statistics", statistics }),
      onError: report,
    });
    const presets = [...loaded.tracks].map(([name, track]) => track.preset(name));
    return { report: loaded.report, presets, maxPhotos: loaded.graphs.manifest.host.photo.max_count };
  },
  openPhoto: ({ file }) => exclusive(() => started().studio.openPhoto(file)),
  async chooseFaces({ ids }) {
    const { studio, player } = started();
    await exclusive(() => studio.chooseFaces(ids));
    player.rewind();
    await player.refresh();
    return null;
  },
  async setMotion({ motion }) {
    const { studio, player } = started();
    await exclusive(async () => studio.setMotion(motion));
    player.rewind();
    await player.refresh();
    return null;
  },
  setGains: ({ gains }) => change((studio) => studio.setGains(gains)),
  setSize: ({ size }) => change((studio) => studio.setSize(size)),
  setView: ({ view }) =>
    change((studio) => {
      studio.view = view;
    }),
  async setPlaying({ playing }) {
    started().player.playing = playing && !job;
    return null;
  },
  async drive({ frame, seconds }) {
    const { studio, player } = started();
    const begun = performance.now();
    return exclusive(async () => {
      const picture = await studio.watch.time("read", () => readFrame(frame));
      const motion = await studio.watch.time("follow", async () => studio.driver?.next(picture, seconds));
      if (!motion) return false;
      if (player.crowded) player.dropped();
      else if (studio.portraits.length) await player.show(motion, seconds, begun);
      return true;
    });
  },
  async calibrate() {
    started().studio.driver?.calibrate();
    return null;
  },
  async beginFile({ loops, seamless }) {
    const { studio, player } = started();
    player.playing = false;
    await exclusive(async () => {
      job = new FileJob(studio, loops, seamless);
      await studio.resizeForFile();
    });
    return null;
  },
  followForFile: ({ frame, seconds }) => exclusive(async () => (await job?.follow(readFrame(frame), seconds)) ?? false),
  renderForFile: ({ index }) => exclusive(async () => (await job?.render(index)) ?? null),
  async endFile() {
    job = null;
    await exclusive(() => started().studio.resize());
    return null;
  },
  async loseDevice() {
    const device = (await started().studio.loaded.graphs.ort.env.webgpu.device) as GPUDevice | undefined;
    device?.destroy();
    return null;
  },
};

function readFrame(frame: VideoFrame | ImageBitmap) {
  try {
    return reader.read(frame, started().studio.loaded.graphs.manifest.host.driver.max_side);
  } finally {
    frame.close();
  }
}

async function answer(request: Request): Promise<void> {
  const handle = handlers[request.call] as (request: unknown) => Promise<unknown>;
  try {
    const value = await handle(request.with);
    const bitmap = (value as { bitmap?: ImageBitmap } | null)?.bitmap;
    send({ kind: "answer", id: request.id, value }, bitmap ? [bitmap] : []);
  } catch (error) {
    send({ kind: "failure", id: request.id, failure: failure(error) });
  }
}

addEventListener("message", ({ data }: MessageEvent<Request | FrameTaken>) => {
  if (data.call === "frameTaken") player?.taken();
  else void answer(data);
});
