import { useEffect, useRef } from "preact/hooks";
import { MARKS } from "../marks";
import { texts } from "../texts/language";
import { FileButton } from "./file-button";
import { InspectReport } from "./inspect-report";
import type { Inspector } from "./inspector";

const ACCEPTED = `video/mp4,video/quicktime,video/webm,image/*,${MARKS.sidecar}`;

/** What files say of themselves. It has an address of its own: `#inspect`. */
export function InspectView({ inspector }: { readonly inspector: Inspector }) {
  const t = texts.value.inspect;
  const heading = useRef<HTMLHeadingElement>(null);
  useEffect(() => {
    heading.current?.focus();
    return () => {
      inspector.end();
      document.getElementById("content")?.focus();
    };
  }, [inspector]);
  return (
    <div class="inspect">
      <div class="inspect-ask">
        <h1 ref={heading} tabIndex={-1}>{t.heading}</h1>
        <p class="lead">{t.lead}</p>
        <div class="inspect-place">
          <FileButton accept={ACCEPTED} primary multiple onFiles={(files) => void inspector.examine(files)}>{t.choose}</FileButton>
          <p class="quiet">{t.hint}</p>
        </div>
        <Progress inspector={inspector} />
        <p><a href="#">{t.back}</a></p>
      </div>
      <div class="inspect-answer">
        {inspector.reports.value.map((report, i) => <InspectReport key={i} report={report} />)}
        <Meaning />
      </div>
    </div>
  );
}

/** Told to screen readers as it changes. */
function Progress({ inspector }: { readonly inspector: Inspector }) {
  const t = texts.value.inspect;
  const { working, reports, failed } = inspector;
  const verdicts = reports.value.map(({ name, state }) => `${name}: ${t.words[state]}`).join(", ");
  return (
    <div>
      <p role="status" class={working.value === null ? "visually-hidden" : ""}>
        {working.value === null ? verdicts : t.working(working.value)}
      </p>
      <div role="alert">{failed.value && <p>{t.unavailable}</p>}</div>
    </div>
  );
}

function Meaning() {
  const { heading, points } = texts.value.inspect.meaning;
  return (
    <section class="inspect-meaning" aria-labelledby="meaning-heading">
      <h2 id="meaning-heading">{heading}</h2>
      <ul>{points.map((point) => <li key={point}>{point}</li>)}</ul>
    </section>
  );
}
