import { useEffect, useLayoutEffect, useRef } from "preact/hooks";
import type { FoundFace } from "../engine/types";
import { language, texts } from "../texts/language";
import { decimal } from "./format";
import { PauseIcon, PlayIcon } from "./icons";
import type { Portrait } from "./portrait";
import type { Studio } from "./studio";

/** What the portrait is called on its plaque. */
export function titleOfPortrait(portrait: Portrait): string {
  const t = texts.value;
  if (portrait.name === null) return t.portrait.photoTaken;
  if ("sample" in portrait.name) return t.samples[portrait.name.sample].name;
  return portrait.name.title === "" ? t.portrait.untitled : portrait.name.title;
}

/** The portrait in its frame, with its plaque. */
export function Stage({ studio, portrait }: { readonly studio: Studio; readonly portrait: Portrait }) {
  const title = titleOfPortrait(portrait);
  const phase = studio.phase.value;
  const heading = useRef<HTMLHeadingElement>(null);
  const picture = useRef<HTMLDivElement>(null);
  useEffect(() => { heading.current?.focus(); }, [portrait.url]);
  useEffect(() => {
    const observer = new ResizeObserver(([entry]) => {
      const { width = 0, height = 0 } = entry?.contentRect ?? {};
      if (width > 0) studio.setShownSide(Math.ceil(Math.max(width, height) * devicePixelRatio));
    });
    if (picture.current !== null) observer.observe(picture.current);
    return () => { observer.disconnect(); };
  }, [studio]);
  return (
    <figure class="stage">
      <div class="frame">
        <div class="picture" ref={picture} style={{ "--ratio": String(portrait.width / portrait.height) }}>
          <img src={portrait.url} alt={texts.value.portrait.label(title)} />
          <Moving studio={studio} label={texts.value.portrait.label(`${title}, ${texts.value.portrait.aiAnimated}`)} />
          {phase.kind === "faces" && portrait.searched !== null && <FaceButtons studio={studio} portrait={portrait} />}
        </div>
      </div>
      <figcaption class="plaque">
        <h1 class="plaque-title" tabIndex={-1} ref={heading}>{title}</h1>
        <Medium studio={studio} />
      </figcaption>
      {phase.kind === "alive" && <Tools studio={studio} />}
    </figure>
  );
}

/** The canvas over the photo. It shows each frame without a copy. */
function Moving({ studio, label }: { readonly studio: Studio; readonly label: string }) {
  const canvas = useRef<HTMLCanvasElement>(null);
  useLayoutEffect(() => {
    const context = canvas.current?.getContext("bitmaprenderer") ?? null;
    studio.canvas = canvas.current;
    studio.draw = ({ bitmap }) => {
      if (context === null) bitmap.close();
      else context.transferFromImageBitmap(bitmap);
    };
    return () => {
      studio.canvas = null;
      studio.draw = ({ bitmap }) => { bitmap.close(); };
    };
  }, [studio]);
  const shown = studio.moving.value && studio.phase.value.kind === "alive" && !studio.showOriginal.value;
  return <canvas ref={canvas} id="portrait" role="img" aria-label={label} hidden={!shown} />;
}

function FaceButtons({ studio, portrait }: { readonly studio: Studio; readonly portrait: Portrait }) {
  const count = portrait.faces.length;
  const place = ({ box: [x0, y0, x1, y1] }: FoundFace) => {
    const { width, height } = portrait.searched ?? portrait;
    return {
      left: `${(100 * x0) / width}%`,
      top: `${(100 * y0) / height}%`,
      width: `${(100 * (x1 - x0)) / width}%`,
      height: `${(100 * (y1 - y0)) / height}%`,
    };
  };
  return (
    <>
      {portrait.faces.map((face, index) => (
        <button
          key={face.id}
          type="button"
          class="face"
          style={place(face)}
          aria-label={texts.value.faces.face(index + 1, count)}
          onClick={() => void studio.chooseFaces([face.id])}
        >
          <span aria-hidden="true">{index + 1}</span>
        </button>
      ))}
    </>
  );
}

/** Of what the portrait is made: "AI-animated. Runs on your processor, 27 fps". */
function Medium({ studio }: { readonly studio: Studio }) {
  const t = texts.value.portrait;
  const statistics = studio.link.statistics.value;
  const alive = studio.phase.value.kind === "alive";
  if (studio.opening.value) return <p class="medium">{texts.value.loading.photo}</p>;
  if (!alive || statistics === null) return <p class="medium">{alive ? t.aiAnimated : "\u00a0"}</p>;
  const rate = studio.playing.value && statistics.fps > 0 ? `, ${t.fps(decimal(statistics.fps, 0, language.value))}` : "";
  return <p class="medium">{t.aiAnimated} · {t.runsOn[statistics.backend]}{rate}</p>;
}

function Tools({ studio }: { readonly studio: Studio }) {
  const t = texts.value;
  const playing = studio.playing.value;
  const portrait = studio.portrait.value;
  return (
    <div class="tools">
      <button type="button" class="button small" onClick={() => { studio.setPlaying(!playing); }}>
        {playing ? <PauseIcon /> : <PlayIcon />}
        {playing ? t.portrait.pause : t.portrait.play}
      </button>
      <button
        type="button"
        class="button small"
        aria-pressed={studio.showOriginal.value}
        onClick={() => { studio.showOriginal.value = !studio.showOriginal.value; }}
      >
        {t.portrait.original}
      </button>
      {portrait !== null && portrait.faces.length > 1 && (
        <button type="button" class="button small" onClick={() => { studio.changeFaces(); }}>{t.faces.change}</button>
      )}
    </div>
  );
}
