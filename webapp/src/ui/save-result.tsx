import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { SaveFormat } from "../save";
import { language, texts } from "../texts/language";
import { fileSize } from "./format";
import { SaveIcon } from "./icons";

interface SaveResultProps {
  readonly file: File;
  readonly format: SaveFormat;
  /** More buttons. */
  readonly children: ComponentChildren;
}

/** The finished file: shown, to be downloaded or handed to another app. */
export function SaveResult({ file, format, children }: SaveResultProps) {
  const t = texts.value.save;
  const url = useMemo(() => URL.createObjectURL(file), [file]);
  useEffect(() => () => { URL.revokeObjectURL(url); }, [url]);
  const download = useRef<HTMLAnchorElement>(null);
  useEffect(() => { download.current?.focus(); }, []);
  const sharing = { files: [file], title: file.name };
  const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
  return (
    <div class="result">
      {format === "mp4" || format === "webm"
        ? <video src={url} muted loop playsInline controls autoPlay={!calm} aria-label={file.name} />
        : <img src={url} alt={file.name} />}
      <p role="status">{t.done(fileSize(file.size, language.value))}</p>
      <div class="row">
        <a class="button primary" href={url} download={file.name} ref={download}>
          <SaveIcon />
          {t.download}
        </a>
        {canShare(sharing) && (
          <button type="button" class="button" onClick={() => { navigator.share(sharing).catch(() => undefined); }}>{t.share}</button>
        )}
        {children}
      </div>
    </div>
  );
}

/** Only some browsers share files; the others do not even have the function. */
function canShare(data: ShareData): boolean {
  return (navigator.canShare as Navigator["canShare"] | undefined)?.call(navigator, data) ?? false;
}
