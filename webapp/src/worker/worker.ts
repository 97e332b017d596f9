/** The worker: answers the page's requests one by one and plays in between. */

import { EngineError } from "../engine/types";
import { FileJob } from "./file-job";
import { LATER_GRAPHS } from "./manifest";
import { FrameReader } from "./picture";
import { Player } from "./player";
import type { CallName, Calls, Failure, Message, Notice, Request } from "./protocol";
import { Queue } from "./queue";
import type { References } from "./references";
import { start } from "./start";
import { Studio } from "./studio";
import { Watermark } from "./watermark";

type Handlers = { readonly [Name in CallName]: (request: Calls[Name][0]) => Promise<Calls[Name][1]> };

const LOSS_SHOWS_MS = 500;

const reader = new FrameReader();
let studio: Studio | null = null;
let player: Player | null = null;
let job: FileJob | null = null;
let watermark: Watermark | null = null;
let lost = false;
let crewBroke: (member: number, message: string) => void = () => undefined;
/** Whatever draws a frame or changes what frames depend on. */
const frames = new Queue();
const exclusive = frames.run;
/** Frames of a file are finished in their order. */
const written = new Queue();
/** More photos of the person are examined one by one, while frames are drawn. */
const photos = new Queue();

function send(message: Message, transfer: Transferable[] = []): void {
  postMessage(message, { transfer });
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

function started(): { studio: Studio; player: Player; watermark: Watermark } {
  if (!studio || !player || !watermark) throw new EngineError("engine-failed", "The engine has not started.");
  return { studio, player, watermark };
}

/** Changes something that frames depend on, then draws the paused picture anew. */
async function change(work: (studio: Studio) => Promise<void> | void): Promise<null> {
  const { studio, player } = started();
  await exclusive(async () => work(studio));
  await player.refresh();
  return null;
}

function references(): References {
  const { references } = started().studio;
  if (!references) throw new EngineError("several-faces", "More photos of one person go with one face, not with several.");
  return references;
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
      recruit: (ports, onBroken) => {
        crewBroke = onBroken;
        send({ kind: "crew", ports }, [...ports]);
      },
    });
    studio = new Studio(loaded);
    watermark = new Watermark(loaded.graphs);
    player = new Player(studio, exclusive, {
      onFrame: (frame) => send({ kind: "frame", frame }, [frame.bitmap]),
      onStatistics: (statistics) => send({ kind: "statistics", statistics }),
      onError: report,
    });
    const presets = [...loaded.tracks].map(([name, track]) => track.preset(name));
    const maxPhotos = loaded.graphs.manifest.host.photo.max_count;
    return { report: loaded.report, presets, maxPhotos, watermark: watermark.terms };
  },
  openPhoto: ({ file }) => exclusive(() => started().studio.openPhoto(file)),
  async chooseFaces({ ids }) {
    const { studio, player } = started();
    await exclusive(() => studio.chooseFaces(ids));
    player.rewind();
    await player.refresh();
    return null;
  },
  addPhoto: ({ id, file }) => {
    const kept = references(); // of the face that is animated now, whatever is chosen until its turn comes
    return photos.run(async () => {
      const { lenders, ...found } = await started().studio.watch.time("examine", () => kept.examine(id, file));
      await exclusive(() => kept.lend(lenders));
      await started().player.refresh();
      return found;
    });
  },
  removePhoto: ({ id }) => {
    const kept = references();
    return photos.run(async () => {
      const { lenders, lost } = await kept.without(id);
      await exclusive(() => kept.lend(lenders));
      await started().player.refresh();
      return lost;
    });
  },
  async setMotion({ motion }) {
    const { studio, player } = started();
    await exclusive(async () => studio.setMotion(motion));
    player.rewind();
    if (motion.kind === "driver") await player.room(); // or what was made ahead would cost the driver's first frames
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
    const motion = await exclusive(async () => {
      const picture = await studio.watch.time("read", () => readFrame(frame));
      return studio.watch.time("follow", async () => studio.driver?.next(picture, seconds));
    });
    if (!motion) return false;
    if (player.crowded) player.dropped();
    else if (studio.portraits.length) {
      player.finish(await player.begin(motion, seconds, begun)).catch(report);
      // While others render this frame the next one can be followed; frames that came meanwhile were dropped by then.
      await player.room();
    }
    return true;
  },
  async calibrate() {
    started().studio.driver?.calibrate();
    return null;
  },
  async beginFile({ loops, seamless }) {
    const { studio, player } = started();
    player.playing = false;
    await photos.idle(); // what is being added belongs into the file
    await exclusive(async () => {
      job = new FileJob(studio, loops, seamless);
      await studio.resizeForFile();
    });
    return null;
  },
  followForFile: ({ frame, seconds }) => exclusive(async () => (await job?.follow(readFrame(frame), seconds)) ?? false),
  async renderForFile({ index }) {
    const begun = await exclusive(async () => (await job?.begin(index)) ?? null);
    return begun && written.run(() => begun.finish());
  },
  async endFile() {
    job = null;
    await exclusive(() => started().studio.resize());
    return null;
  },
  async fetchAhead() {
    await started().studio.loaded.graphs.prepare(LATER_GRAPHS);
    return null;
  },
  watermark: ({ frame, message }) => {
    const { studio, watermark } = started();
    return exclusive(() => studio.watch.time("watermark", () => watermark.mark(frame, message)));
  },
  readWatermark: ({ frames }) => exclusive(() => started().watermark.read(frames)),
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
    send({ kind: "answer", id: request.id, value }, transferable(value));
  } catch (error) {
    send({ kind: "failure", id: request.id, failure: failure(error) });
  }
}

function transferable(value: unknown): Transferable[] {
  if (value instanceof Uint8ClampedArray) return [value.buffer];
  const bitmap = (value as { bitmap?: ImageBitmap } | null)?.bitmap;
  return bitmap ? [bitmap] : [];
}

addEventListener("message", ({ data }: MessageEvent<Request | Notice>) => {
  if (data.call === "frameTaken") player?.taken();
  else if (data.call === "crewBroke") crewBroke(data.member, data.message);
  else void answer(data);
});
