import type { ComponentChildren } from "preact";
import { language, texts } from "../texts/language";
import { hex } from "../credentials/bytes";
import { moment, percent } from "./format";
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

function Rows({ report: { state, claims, reasons, found } }: { readonly report: Report }) {
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
    [t.rows.watermark, state === "unreadable" ? null : watermark(found, claims?.watermark ?? null)],
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

/** What was found in the pictures, and whether the manifest says the same. */
function watermark(found: Report["found"], stated: string | null): string | null {
  const t = texts.value.inspect.watermark;
  if (found === "looking") return t.looking;
  if (found === null) return stated === null ? null : t.stated(stated);
  const sure = percent(found.confidence, language.value);
  if (found.message === null) return t.absent(sure);
  const bits = hex(found.message);
  const same = stated === null ? [] : [stated === bits ? t.same : t.other(stated)];
  return [t.found(bits, sure), ...same, ...(found.scale === 1 ? [] : [t.cut])].join("; ");
}

function Photo({ title, sha256 }: { readonly title: string; readonly sha256: string | null }) {
  return (
    <>
      {title}
      {sha256 !== null && <code>SHA-256 {sha256}</code>}
    </>
  );
}
