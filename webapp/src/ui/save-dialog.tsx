import { type Signal, useSignal } from "@preact/signals";
import { useEffect, useMemo, useRef } from "preact/hooks";
import { Credentials, CredentialsError, signerOf } from "../credentials";
import { EngineError, type Pixels } from "../engine/types";
import type { SaveFormat } from "../save";
import { type Texts, texts } from "../texts/language";
import { Dialog } from "./dialog";
import { fileName, makeFile, motionName, type SaveProgress, sidecarName } from "./save-job";
import { SaveForm, type SaveWishes } from "./save-form";
import { SaveResult } from "./save-result";
import { titleOfPortrait } from "./stage";
import type { Studio } from "./studio";

type State =
  | { readonly kind: "form"; readonly problem: ((t: Texts) => string) | null }
  | { readonly kind: "working"; readonly progress: SaveProgress | null }
  | { readonly kind: "done"; readonly made: Made; readonly format: SaveFormat };

/** The file, and for kinds that hold no manifest the one that belongs beside it. */
interface Made {
  readonly file: File;
  readonly sidecar: File | null;
}

/** Everything about saving: what to make, making it, and the finished file. */
export function SaveDialog({ studio }: { readonly studio: Studio }) {
  const t = texts.value.save;
  const state = useSignal<State>({ kind: "form", problem: null });
  const stop = useRef<AbortController | null>(null);
  const credentials = useMemo(() => new Credentials(), []);
  useEffect(() => {
    credentials.prepare(); // while the visitor still chooses
    return () => {
      stop.current?.abort();
      credentials.end();
    };
  }, []);

  const save = async (wishes: SaveWishes) => {
    const controller = new AbortController();
    stop.current = controller;
    state.value = { kind: "working", progress: null };
    try {
      const onProgress = (progress: SaveProgress) => { state.value = { kind: "working", progress }; };
      const made = await make(studio, credentials, wishes, controller.signal, onProgress);
      state.value = { kind: "done", made, format: wishes.format };
    } catch (error) {
      state.value = { kind: "form", problem: controller.signal.aborted ? (t) => t.save.cancelled : reason(error) };
    }
  };
  const close = () => {
    if (state.value.kind === "working") stop.current?.abort();
    else studio.dialog.value = null;
  };
  return (
    <Dialog name="save" heading={t.heading} onClose={close}>
      <Content studio={studio} state={state} onSave={(wishes) => void save(wishes)} onCancel={() => stop.current?.abort()} />
    </Dialog>
  );
}

interface ContentProps {
  readonly studio: Studio;
  readonly state: Signal<State>;
  readonly onSave: (wishes: SaveWishes) => void;
  readonly onCancel: () => void;
}

function Content({ studio, state, onSave, onCancel }: ContentProps) {
  const t = texts.value.save;
  const wishes = useMemo<{ latest: SaveWishes | null }>(() => ({ latest: null }), []);
  const now = state.value;
  switch (now.kind) {
    case "form":
      return (
        <>
          {now.problem !== null && <p role="alert">{now.problem(texts.value)}</p>}
          <SaveForm
            studio={studio}
            latest={wishes.latest}
            onSave={(chosen) => {
              wishes.latest = chosen;
              onSave(chosen);
            }}
          />
        </>
      );
    case "working":
      return <Working progress={now.progress} onCancel={onCancel} />;
    case "done":
      return (
        <SaveResult file={now.made.file} sidecar={now.made.sidecar} format={now.format}>
          <button type="button" class="button" onClick={() => { state.value = { kind: "form", problem: null }; }}>{t.again}</button>
        </SaveResult>
      );
  }
}

function Working({ progress, onCancel }: { readonly progress: SaveProgress | null; readonly onCancel: () => void }) {
  const t = texts.value.save;
  const cancel = useRef<HTMLButtonElement>(null);
  useEffect(() => { cancel.current?.focus(); }, []);
  const counted = progress !== null && progress.step !== "writing" ? progress : null;
  const text = counted === null ? t.writing : (counted.step === "watching" ? t.watching : t.progress)(counted.done, counted.total);
  return (
    <>
      <div class="loading loading-wide">
        <p id="save-progress">{progress === null ? texts.value.loading.preparing : text}</p>
        <progress aria-labelledby="save-progress" {...(counted === null ? {} : { value: counted.done, max: counted.total })} />
      </div>
      <div class="row">
        <button type="button" class="button" ref={cancel} onClick={onCancel}>{t.cancel}</button>
      </div>
    </>
  );
}

async function make(
  studio: Studio,
  credentials: Credentials,
  wishes: SaveWishes,
  signal: AbortSignal,
  onProgress: (progress: SaveProgress) => void,
): Promise<Made> {
  const portrait = studio.portrait.value;
  const shown = studio.canvas;
  if (portrait === null || shown === null) throw new Error("There is no portrait.");
  const title = titleOfPortrait(portrait);
  const engine = await studio.link.get();
  const moment = { seconds: studio.seconds, shown };
  const { source, format } = wishes;
  const motion = source.kind === "preset" ? (texts.value.motion.presets[studio.motions.preset.value] ?? studio.motions.preset.value) : "";
  const name = fileName(title, motion, format);
  const message = crypto.getRandomValues(new Uint8Array(engine.watermarkTerms.messageBytes));
  await studio.others.idle(); // what is being examined belongs into the file
  const making = { photo: portrait.file, others: studio.others.files, motion: motionName(source, studio.motions.preset.value), title: name, watermark: message };
  const marking = { title, watermark: (frame: Pixels) => engine.watermark(frame, message), sign: signerOf(credentials, making) };
  const saved = await studio.whileSaving(() => makeFile(engine, { ...wishes, ...marking, moment, signal, onProgress }));
  const { file, sidecar } = saved;
  return {
    file: new File([file], name, { type: file.type }),
    sidecar: sidecar === null ? null : new File([sidecar], sidecarName(name), { type: sidecar.type }),
  };
}

function reason(error: unknown): (t: Texts) => string {
  if (error instanceof EngineError) return (t) => t.errors[error.code];
  if (error instanceof CredentialsError) return (t) => t.save.unsigned[error.failure];
  return (t) => t.save.failed;
}
