import { texts } from "../texts/language";
import { FIRST_PRESET } from "./motions";
import type { Studio } from "./studio";

/** Those that this page knows, small movements first; unknown ones follow in the order of the models' manifest. */
const ORDER = [
  FIRST_PRESET, "smile", "laugh", "surprise", "wink", "nod", "look-around",
  "talk", "speaker-calm", "speaker-lively", "speaker-expressive",
];

/** The motions that come with the models, as buttons. */
export function Presets({ studio }: { readonly studio: Studio }) {
  const t = texts.value.motion;
  const presets = [...studio.link.presets.value].sort((a, b) => rank(a.name) - rank(b.name));
  const led = studio.motions.lead.leader.value !== null;
  return (
    <section class="group" aria-labelledby="motion-heading">
      <h2 id="motion-heading">{t.heading}</h2>
      <div class="row chips">
        {presets.map(({ name, title }) => (
          <button
            key={name}
            type="button"
            class="chip"
            aria-pressed={!led && studio.motions.preset.value === name}
            onClick={() => void studio.motions.setPreset(name)}
          >
            {t.presets[name] ?? title}
          </button>
        ))}
      </div>
    </section>
  );
}

function rank(name: string): number {
  const index = ORDER.indexOf(name);
  return index < 0 ? ORDER.length : index;
}
