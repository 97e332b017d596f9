import { useEffect, useRef } from "preact/hooks";
import { texts } from "../texts/language";
import { FileButton } from "./file-button";
import { nameOfFile } from "./hand-over";
import { SaveIcon } from "./icons";
import { Leading, RecordButton } from "./leading";
import { Loading } from "./loading";
import { OtherPhotosGroup } from "./other-photos";
import { Presets } from "./presets";
import { SAMPLES } from "./samples";
import { Sliders } from "./sliders";
import type { Phase, Studio } from "./studio";

/** Everything beside the portrait: what is being waited for, a choice of faces, or what one can do with it. */
export function Panel({ studio }: { readonly studio: Studio }) {
  const phase = studio.phase.value;
  switch (phase.kind) {
    case "faces":
      return <FaceChoice studio={studio} />;
    case "failed":
      return <Failure studio={studio} phase={phase} />;
    case "alive":
      return <Controls studio={studio} />;
    default:
      return <div class="panel panel-short"><Loading studio={studio} /></div>;
  }
}

function Controls({ studio }: { readonly studio: Studio }) {
  return (
    <div class="panel">
      <Presets studio={studio} />
      <Leading studio={studio} />
      {studio.aloneAndAlive && <OtherPhotosGroup studio={studio} />}
      <Sliders studio={studio} />
      <div class="save-bar">
        {studio.motions.lead.leader.value?.kind === "camera" ? <RecordButton studio={studio} /> : (
          <button type="button" class="button primary wide" onClick={() => { studio.dialog.value = "save"; }}>
            <SaveIcon />
            {texts.value.save.open}
          </button>
        )}
      </div>
    </div>
  );
}

function FaceChoice({ studio }: { readonly studio: Studio }) {
  const t = texts.value;
  const faces = studio.portrait.value?.faces ?? [];
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => { heading.current?.focus(); }, []);
  return (
    <div class="panel panel-short">
      <h2 ref={heading} tabIndex={-1} class="panel-title">{t.faces.heading(faces.length)}</h2>
      <p class="quiet">{t.faces.hint}</p>
      <button type="button" class="button primary" onClick={() => void studio.chooseFaces(faces.map(({ id }) => id))}>
        {t.faces.all}
      </button>
    </div>
  );
}

function Failure({ studio, phase }: { readonly studio: Studio; readonly phase: Extract<Phase, { kind: "failed" }> }) {
  const t = texts.value;
  return (
    <div class="panel panel-short">
      <p role="alert" class="panel-title">{t.errors[phase.problem]}</p>
      <div class="row">
        {studio.worthARetry(phase.problem) && (
          <button type="button" class="button primary" onClick={() => void studio.retry()}>{t.notice.retry}</button>
        )}
        <FileButton accept="image/*" onFile={(file) => void studio.openPhoto(file, nameOfFile(file))}>
          {t.portrait.another}
        </FileButton>
        {(studio.portrait.value?.faces.length ?? 0) > 1 && (
          <button type="button" class="button" onClick={() => { studio.changeFaces(); }}>{t.faces.change}</button>
        )}
      </div>
      <p class="quiet">{t.start.samples}</p>
      <div class="row">
        {SAMPLES.map((sample) => (
          <button key={sample.id} type="button" class="button small" onClick={() => void studio.openSample(sample)}>
            {t.samples[sample.id].name}
          </button>
        ))}
      </div>
    </div>
  );
}
