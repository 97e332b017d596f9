import { useSignal } from "@preact/signals";
import type { Backend, Size, Statistics } from "../engine/types";
import { language, texts } from "../texts/language";
import { Dialog } from "./dialog";
import { decimal } from "./format";
import type { Studio } from "./studio";

const BACKENDS: readonly Backend[] = ["webgpu", "wasm-threads", "wasm"];
const SIZES: readonly Exclude<Size, "auto">[] = [256, 512, 1024];

/** Where the models run and how fast, for those who want to know or to change it. */
export function DetailsDialog({ studio }: { readonly studio: Studio }) {
  const t = texts.value.details;
  const statistics = studio.link.statistics.value;
  return (
    <Dialog name="details" heading={t.heading} onClose={() => { studio.dialog.value = null; }}>
      <Backends studio={studio} />
      <Sizes studio={studio} />
      <h3>{t.now}</h3>
      {statistics === null ? <p class="quiet">{t.waiting}</p> : <Figures statistics={statistics} />}
    </Dialog>
  );
}

function Backends({ studio }: { readonly studio: Studio }) {
  const t = texts.value.details;
  const switching = useSignal(false);
  const measured = studio.link.measured.value;
  const ready = studio.link.state.value === "ready";
  const choose = async (backend: Backend | "auto") => {
    switching.value = true;
    await studio.setBackend(backend);
    switching.value = false;
  };
  const note = (backend: Backend): string => {
    const ms = measured[backend];
    if (ms !== undefined) return t.perFrame(decimal(ms, 0, language.value));
    return canRun(backend, measured) ? "" : t.unavailable;
  };
  return (
    <fieldset class="choices" disabled={switching.value || !ready}>
      <legend>{t.backend}</legend>
      <Choice name="backend" checked={studio.settings.backend.value === "auto"} onChoose={() => void choose("auto")}>{t.auto}</Choice>
      {BACKENDS.map((backend) => (
        <Choice
          key={backend}
          name="backend"
          checked={studio.settings.backend.value === backend}
          disabled={!canRun(backend, measured)}
          note={ready ? note(backend) : ""}
          onChoose={() => void choose(backend)}
        >
          {t.backends[backend]}
        </Choice>
      ))}
      <p class="quiet" role="status">{switching.value ? t.switching : ""}</p>
    </fieldset>
  );
}

/** The engine tries the GPU before it chooses. */
function canRun(backend: Backend, measured: Partial<Record<Backend, number>>): boolean {
  switch (backend) {
    case "webgpu":
      return measured.webgpu !== undefined;
    case "wasm-threads":
      return navigator.hardwareConcurrency > 1;
    case "wasm":
      return true;
  }
}

function Sizes({ studio }: { readonly studio: Studio }) {
  const t = texts.value.details;
  return (
    <fieldset class="choices choices-row">
      <legend>{t.size}</legend>
      <Choice name="size" checked={studio.settings.size.value === "auto"} onChoose={() => { studio.settings.setSize("auto"); }}>{t.sizeAuto}</Choice>
      {SIZES.map((side) => (
        <Choice key={side} name="size" checked={studio.settings.size.value === side} onChoose={() => { studio.settings.setSize(side); }}>
          {t.pixels(side)}
        </Choice>
      ))}
    </fieldset>
  );
}

interface ChoiceProps {
  readonly name: string;
  readonly checked: boolean;
  readonly disabled?: boolean;
  readonly note?: string;
  readonly onChoose: () => void;
  readonly children: string;
}

function Choice({ name, checked, disabled = false, note = "", onChoose, children }: ChoiceProps) {
  return (
    <label class="choice">
      <input type="radio" name={name} checked={checked} disabled={disabled} onChange={onChoose} />
      <span>{children}</span>
      {note !== "" && <span class="quiet">{note}</span>}
    </label>
  );
}

function Figures({ statistics }: { readonly statistics: Statistics }) {
  const t = texts.value.details;
  const figures: readonly (readonly [string, string])[] = [
    [t.rate, decimal(statistics.fps, 1, language.value)],
    [t.size, t.pixels(statistics.size)],
    [t.threads, String(statistics.threads)],
    [t.dropped, decimal(statistics.droppedFrames, 0, language.value)],
    ...Object.entries(statistics.stagesMs).map(
      ([stage, ms]) => [`${t.stages}: ${t.stage[stage] ?? stage}`, decimal(ms, 1, language.value)] as const,
    ),
  ];
  return (
    <dl class="figures">
      {figures.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
