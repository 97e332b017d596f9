import type { ComponentChildren } from "preact";
import { language, texts } from "../texts/language";
import { moment } from "./format";
import type { Report } from "./inspector";

/** One file's report. */
export function InspectReport({ report }: { readonly report: Report }) {
  const t = texts.value.inspect;
  const { name, state, claims, incomplete } = report;
  return (
    <article class="report" aria-label={name}>
      <h2>{name}</h2>
      <p class={`verdict verdict-${state}`}>
        <strong>{t.words[state]}</strong> <span>{t.states[state]}</span>
      </p>
      {incomplete && <p>{t.together}</p>}
      {state === "broken" && claims !== null && <p>{t.unbelievable}</p>}
      <Rows report={report} />
    </article>
  );
}

function Rows({ report: { claims, reasons } }: { readonly report: Report }) {
  const t = texts.value.inspect;
  const made = claims?.ingredients ?? [];
  const rows: readonly (readonly [string, ComponentChildren])[] = [
    [t.rows.reason, reasons.join("; ")],
    [t.rows.generator, claims?.generator],
    [t.rows.when, moment(claims?.when ?? null, language.value)],
    [t.rows.signer, claims?.signer],
    [t.rows.issuer, claims?.issuer === claims?.signer ? null : claims?.issuer],
    [t.rows.motion, claims?.motion],
    ...made.map(({ title, sha256 }) => [t.rows.photo, <Photo title={title} sha256={sha256} />] as const),
    [t.rows.label, claims?.label === false ? t.labelRemoved : claims?.label && t.labelShown(claims.label)],
  ];
  const told = rows.filter(([, value]) => Boolean(value));
  if (told.length === 0) return null;
  return (
    <dl>
      {told.map(([name, value], i) => (
        <div key={i}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}

function Photo({ title, sha256 }: { readonly title: string; readonly sha256: string | null }) {
  return (
    <>
      {title}
      {sha256 !== null && <code>SHA-256 {sha256}</code>}
    </>
  );
}
