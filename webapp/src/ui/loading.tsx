import { language, texts } from "../texts/language";
import { megabytes } from "./format";
import type { Studio } from "./studio";

/** What the page waits for, with the bytes of the models while they come. */
export function Loading({ studio }: { readonly studio: Studio }) {
  const t = texts.value.loading;
  const download = studio.link.download.value;
  const phase = studio.phase.value;
  if (studio.link.state.value === "loading") {
    const coming = download === null || download.loadedBytes < download.totalBytes;
    const bytes = download !== null && coming && !download.fromCache;
    return (
      <div class="loading">
        <p id="loading-text">
          {bytes
            ? t.models(megabytes(download.loadedBytes, language.value), megabytes(download.totalBytes, language.value))
            : coming && download === null ? t.modelsUnknown : t.starting}
        </p>
        <progress
          aria-labelledby="loading-text"
          {...(bytes ? { value: download.loadedBytes, max: download.totalBytes } : {})}
        />
        {bytes && <p class="quiet">{t.once}</p>}
      </div>
    );
  }
  if (phase.kind !== "working") return null;
  return (
    <div class="loading">
      <p id="loading-text">{phase.what === "photo" ? t.photo : t.preparing}</p>
      <progress aria-labelledby="loading-text" />
    </div>
  );
}
