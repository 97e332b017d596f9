import type { ComponentChildren } from "preact";
import { useEffect, useMemo, useRef } from "preact/hooks";
import type { SaveFormat } from "../save";
import { language, texts } from "../texts/language";
import { fileSize } from "./format";
import { SaveIcon } from "./icons";

interface SaveResultProps {
  readonly file: File;
  /** Its signed manifest, where the file itself can hold none. */
  readonly sidecar: File | null;
  readonly format: SaveFormat;
  /** More buttons. */
  readonly children: ComponentChildren;
}

/** The finished file: shown, to be downloaded or handed to another app. */
export function SaveResult({ file, sidecar, format, children }: SaveResultProps) {
  const t = texts.value.save;
  const url = useObjectUrl(file);
  const download = useRef<HTMLAnchorElement>(null);
  useEffect(() => { download.current?.focus(); }, []);
  const sharing = { files: sidecar === null ? [file] : [file, sidecar], title: file.name };
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
        {sidecar !== null && <SidecarLink sidecar={sidecar} />}
        {canShare(sharing) && (
          <button type="button" class="button" onClick={() => { navigator.share(sharing).catch(() => undefined); }}>{t.share}</button>
        )}
        {children}
      </div>
      {sidecar !== null && <p class="quiet">{t.sidecarHint}</p>}
    </div>
  );
}

function SidecarLink({ sidecar }: { readonly sidecar: File }) {
  return (
    <a class="button" href={useObjectUrl(sidecar)} download={sidecar.name}>
      <SaveIcon />
      {texts.value.save.sidecar}
    </a>
  );
}

function useObjectUrl(file: File): string {
  const url = useMemo(() => URL.createObjectURL(file), [file]);
  useEffect(() => () => { URL.revokeObjectURL(url); }, [url]);
  return url;
}

/** Only some browsers share files; the others do not even have the function. */
function canShare(data: ShareData): boolean {
  return (navigator.canShare as Navigator["canShare"] | undefined)?.call(navigator, data) ?? false;
}
