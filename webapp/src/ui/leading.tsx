import { useLayoutEffect, useRef } from "preact/hooks";
import { language, texts } from "../texts/language";
import { FileButton } from "./file-button";
import { decimal } from "./format";
import { CameraIcon, FilmIcon, RecordIcon } from "./icons";
import type { Leader } from "./lead";
import type { Studio } from "./studio";

/** Camera or video instead of a preset. */
export function Leading({ studio }: { readonly studio: Studio }) {
  const t = texts.value.driver;
  const leader = studio.motions.lead.leader.value;
  return (
    <section class="group" aria-labelledby="leading-heading">
      <h2 id="leading-heading">{t.heading}</h2>
      {leader === null ? (
        <div class="row">
          <button type="button" class="button" disabled={studio.motions.lead.starting.value} onClick={() => void studio.motions.leadByCamera()}>
            <CameraIcon />
            {t.camera}
          </button>
          <FileButton accept="video/*" onFile={(file) => void studio.motions.leadByVideo(file)}>
            <FilmIcon />
            {t.video}
          </FileButton>
        </div>
      ) : <Led studio={studio} leader={leader} />}
    </section>
  );
}

function Led({ studio, leader }: { readonly studio: Studio; readonly leader: Leader }) {
  const t = texts.value.driver;
  const camera = leader.kind === "camera";
  const seen = studio.motions.lead.faceSeen.value;
  return (
    <div class="led">
      <Preview video={leader.video} mirrored={camera} label={t.preview} />
      <div class="led-actions">
        <button type="button" class="button" onClick={() => { studio.calibrate(); }}>{t.neutral}</button>
        <p class="quiet">{t.neutralHint}</p>
      </div>
      <p class="led-state" role="status">{seen === null ? "" : seen ? t.seen : t.noFace}</p>
      <div class="row">
        <button type="button" class="button" onClick={() => void studio.motions.stopLeading()}>
          {camera ? t.cameraOff : t.videoOff}
        </button>
      </div>
    </div>
  );
}

/** Shows the very element from which the frames are taken. */
function Preview({ video, mirrored, label }: { readonly video: HTMLVideoElement; readonly mirrored: boolean; readonly label: string }) {
  const place = useRef<HTMLDivElement>(null);
  useLayoutEffect(() => {
    video.setAttribute("aria-label", label);
    // Putting it back into its place would pause it.
    if (video.parentNode !== place.current) place.current?.replaceChildren(video);
  }, [video, label]);
  return <div ref={place} class={mirrored ? "preview mirrored" : "preview"} />;
}

/** What a camera shows has to be recorded before it can be saved. */
export function RecordButton({ studio }: { readonly studio: Studio }) {
  const t = texts.value.driver;
  const seconds = studio.motions.lead.recorded.value;
  return seconds === null ? (
    <button type="button" class="button primary wide" onClick={() => { studio.motions.lead.startRecording(); }}>
      <RecordIcon />
      {t.record}
    </button>
  ) : (
    <button type="button" class="button recording wide" onClick={() => { studio.motions.lead.stopRecording(); }}>
      <RecordIcon />
      {t.recording(decimal(seconds, 0, language.value))}
    </button>
  );
}
