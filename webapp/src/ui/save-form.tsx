import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import type { SaveFormat } from "../save";
import { supportedFormats } from "../save";
import { language, texts } from "../texts/language";
import { consent, giveConsent } from "./consent";
import { decimal } from "./format";
import type { SaveSource } from "./save-job";
import type { Studio } from "./studio";

/** What the visitor wants to have. */
export interface SaveWishes {
  readonly format: SaveFormat;
  readonly loops: number;
  readonly seamless: boolean;
  readonly label: boolean;
  readonly source: SaveSource;
}

const FORMATS: readonly SaveFormat[] = ["mp4", "webm", "gif", "png"];
const LOOPS: readonly number[] = [1, 2, 3];

interface SaveFormProps {
  readonly studio: Studio;
  /** What was wanted the last time. */
  readonly latest: SaveWishes | null;
  readonly onSave: (wishes: SaveWishes) => void;
}

export function SaveForm({ studio, latest, onSave }: SaveFormProps) {
  const t = texts.value.save;
  const supported = useSignal<ReadonlySet<SaveFormat> | null>(null);
  const wanted = useSignal<SaveFormat>(latest?.format ?? "mp4");
  const loops = useSignal(latest?.loops ?? 1);
  const seamless = useSignal(latest?.seamless ?? false);
  const label = useSignal(latest?.label ?? true);
  const agreed = useSignal(consent.value);
  useEffect(() => { void supportedFormats().then((formats) => { supported.value = formats; }); }, []);

  const source = studio.motions.source();
  const format = supported.value?.has(wanted.value) === false ? firstOf(supported.value) : wanted.value;
  return (
    <form
      class="save-form"
      onSubmit={(event) => {
        event.preventDefault();
        if (!consent.value) giveConsent();
        onSave({ format, loops: loops.value, seamless: seamless.value, label: label.value, source });
      }}
    >
      <Formats format={format} supported={supported.value} onChoose={(chosen) => { wanted.value = chosen; }} />
      {(format === "mp4" || format === "webm") && (
        <fieldset class="choices choices-row">
          <legend>{t.length}</legend>
          {LOOPS.map((count) => (
            <label key={count} class="choice">
              <input type="radio" name="loops" checked={loops.value === count} onChange={() => { loops.value = count; }} />
              <span>{t.loops(count, decimal(count * source.seconds, 1, language.value))}</span>
            </label>
          ))}
        </fieldset>
      )}
      <div class="choices">
        {format !== "png" && (
          <Check
            // The presets end where they begin.
            checked={source.kind === "preset" || seamless.value}
            disabled={source.kind === "preset"}
            onChange={(checked) => { seamless.value = checked; }}
            text={t.seamless}
            hint={t.seamlessHint}
          />
        )}
        <Check checked={label.value} onChange={(checked) => { label.value = checked; }} text={t.label} hint={t.labelHint} />
        {!consent.value && (
          <Check checked={agreed.value} required onChange={(checked) => { agreed.value = checked; }} text={t.consent} />
        )}
      </div>
      <p class="quiet">{t.signed}</p>
      <button type="submit" class="button primary wide" disabled={supported.value === null}>{t.start}</button>
    </form>
  );
}

function firstOf(supported: ReadonlySet<SaveFormat>): SaveFormat {
  return FORMATS.find((format) => supported.has(format)) ?? "png";
}

interface FormatsProps {
  readonly format: SaveFormat;
  readonly supported: ReadonlySet<SaveFormat> | null;
  readonly onChoose: (format: SaveFormat) => void;
}

function Formats({ format, supported, onChoose }: FormatsProps) {
  const t = texts.value.save;
  return (
    <fieldset class="formats">
      <legend>{t.format}</legend>
      {FORMATS.map((each) => {
        const missing = supported?.has(each) === false;
        return (
          <label key={each} class="format">
            <input type="radio" name="format" checked={format === each} disabled={missing} onChange={() => { onChoose(each); }} />
            <span>
              <strong>{t.formats[each].name}</strong>
              <small>{missing ? t.unsupported : t.formats[each].note}</small>
            </span>
          </label>
        );
      })}
    </fieldset>
  );
}

interface CheckProps {
  readonly checked: boolean;
  readonly disabled?: boolean;
  readonly required?: boolean;
  readonly onChange: (checked: boolean) => void;
  readonly text: string;
  readonly hint?: string;
}

function Check({ checked, disabled = false, required = false, onChange, text, hint }: CheckProps) {
  return (
    <label class="choice choice-top">
      <input
        type="checkbox"
        checked={checked}
        disabled={disabled}
        required={required}
        onChange={(event) => { onChange(event.currentTarget.checked); }}
      />
      <span>
        {text}
        {hint !== undefined && <small>{hint}</small>}
      </span>
    </label>
  );
}
