import type { Gains } from "../engine/types";
import { language, texts } from "../texts/language";
import { percent } from "./format";
import { NEUTRAL_GAINS } from "./settings";
import type { Studio } from "./studio";

const PARTS: readonly (keyof Gains)[] = ["pose", "expression", "eyes", "lips", "gaze"];
/** Up to half as much again; beyond that faces tear. */
const STRONGEST = 1.5;

/** How much of the motion reaches the portrait, part by part. */
export function Sliders({ studio }: { readonly studio: Studio }) {
  const t = texts.value.sliders;
  const gains = studio.settings.gains.value;
  const changed = PARTS.some((part) => gains[part] !== NEUTRAL_GAINS[part]);
  return (
    <section class="group" aria-labelledby="sliders-heading">
      <div class="group-head">
        <h2 id="sliders-heading">{t.heading}</h2>
        <button type="button" class="link" disabled={!changed} onClick={() => { studio.settings.setGains(NEUTRAL_GAINS); }}>
          {t.reset}
        </button>
      </div>
      {PARTS.map((part) => (
        <label key={part} class="slider">
          <span>{t[part]}</span>
          <input
            type="range"
            min="0"
            max={STRONGEST}
            step="0.05"
            value={gains[part]}
            aria-valuetext={percent(gains[part], language.value)}
            onInput={(event) => { studio.settings.setGains({ ...gains, [part]: event.currentTarget.valueAsNumber }); }}
          />
          <output aria-hidden="true">{percent(gains[part], language.value)}</output>
        </label>
      ))}
    </section>
  );
}
