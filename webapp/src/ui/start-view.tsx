import { texts } from "../texts/language";
import { FileButton } from "./file-button";
import { nameOfFile } from "./hand-over";
import { Silhouette } from "./icons";
import { Loading } from "./loading";
import { SAMPLES } from "./samples";
import type { Studio } from "./studio";

/** The first view: a wall with an empty frame for the visitor's photo and two portraits of the collection. */
export function StartView({ studio }: { readonly studio: Studio }) {
  const t = texts.value;
  return (
    <div class="start">
      <div class="welcome">
        <h1 id="title" tabIndex={-1}>{t.start.heading}</h1>
        <p class="lead">{t.start.lead}</p>
        <Loading studio={studio} />
      </div>
      <div class="wall">
        <EmptyFrame studio={studio} />
        <Collection studio={studio} />
      </div>
    </div>
  );
}

function EmptyFrame({ studio }: { readonly studio: Studio }) {
  const t = texts.value;
  return (
    <div class="hung hung-empty">
      <div class="frame">
        <div class="empty">
          <Silhouette />
          <FileButton accept="image/*" primary onFile={(file) => void studio.openPhoto(file, nameOfFile(file))}>
            {t.start.choose}
          </FileButton>
          <button type="button" class="button" onClick={() => { studio.dialog.value = "camera"; }}>{t.start.take}</button>
          <p class="quiet hint">{t.start.hint}</p>
        </div>
      </div>
      <p class="plaque"><span class="plaque-title">{t.start.empty}</span></p>
    </div>
  );
}

function Collection({ studio }: { readonly studio: Studio }) {
  const t = texts.value;
  return (
    <section class="collection" aria-labelledby="collection-heading">
      <h2 id="collection-heading" class="quiet">{t.start.samples}</h2>
      <ul>
        {SAMPLES.map((sample) => (
          <li key={sample.id}>
            <button
              type="button"
              class="hung hung-sample"
              aria-label={t.start.begin(t.samples[sample.id].name)}
              onClick={() => void studio.openSample(sample)}
            >
              <span class="frame"><img src={sample.url} alt="" width="512" height="512" /></span>
              <span class="plaque">
                <span class="plaque-title">{t.samples[sample.id].name}</span>
                <span>{t.samples[sample.id].from}</span>
              </span>
            </button>
          </li>
        ))}
      </ul>
    </section>
  );
}
