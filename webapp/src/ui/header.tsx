import { LANGUAGES, type Language, language, setLanguage, texts } from "../texts/language";
import { CameraIcon, PictureIcon } from "./icons";
import { FileButton } from "./file-button";
import { nameOfFile } from "./hand-over";
import type { Studio } from "./studio";

interface HeaderProps {
  readonly studio: Studio;
  /** The portrait is not in sight. */
  readonly inspecting: boolean;
}

export function Header({ studio, inspecting }: HeaderProps) {
  const t = texts.value;
  return (
    <header class="site-head">
      <p class="wordmark" lang="fr" translate={false}>vivant</p>
      {studio.portrait.value !== null && !inspecting && (
        <div class="site-actions">
          <FileButton accept="image/*" onFile={(file) => void studio.openPhoto(file, nameOfFile(file))}>
            <PictureIcon />
            <span class="roomy">{t.portrait.another}</span>
          </FileButton>
          <button type="button" class="button round" aria-label={t.start.take} onClick={() => { studio.dialog.value = "camera"; }}>
            <CameraIcon />
          </button>
        </div>
      )}
      <label class="language">
        <span class="visually-hidden">{t.language.label}</span>
        <select value={language.value} onChange={(event) => { setLanguage(event.currentTarget.value as Language); }}>
          {Object.entries(LANGUAGES).map(([code, { name }]) => (
            <option key={code} value={code} lang={code}>{name}</option>
          ))}
        </select>
      </label>
    </header>
  );
}
