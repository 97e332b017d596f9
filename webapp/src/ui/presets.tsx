import { texts } from "../texts/language";
import { FIRST_PRESET, type Studio } from "./studio";

/** The motions that come with the models, as buttons; the quiet one first. */
export function Presets({ studio }: { readonly studio: Studio }) {
  const t = texts.value.motion;
  const presets = [...studio.link.presets.value].sort((a, b) => Number(b.name === FIRST_PRESET) - Number(a.name === FIRST_PRESET));
  const led = studio.lead.leader.value !== null;
  return (
    <section class="group" aria-labelledby="motion-heading">
      <h2 id="motion-heading">{t.heading}</h2>
      <div class="row chips">
        {presets.map(({ name, title }) => (
          <button
            key={name}
            type="button"
            class="chip"
            aria-pressed={!led && studio.preset.value === name}
            onClick={() => void studio.setPreset(name)}
          >
            {t.presets[name] ?? title}
          </button>
        ))}
      </div>
    </section>
  );
}
