import { texts } from "../texts/language";
import { INSPECT } from "./inspector";
import { installPrompt } from "./install";
import type { Studio } from "./studio";

export function Footer({ studio }: { readonly studio: Studio }) {
  const t = texts.value;
  const prompt = installPrompt.value;
  return (
    <footer class="site-foot">
      <p>
        {t.privacy.sentence} <a href="#privacy">{t.privacy.link}</a>
      </p>
      <div class="foot-actions">
        {prompt !== null && (
          <button type="button" class="link" onClick={() => void prompt.prompt()}>{t.page.install}</button>
        )}
        <a class="link" href={INSPECT}>{t.inspect.open}</a>
        <button type="button" class="link" onClick={() => { studio.dialog.value = "details"; }}>{t.details.open}</button>
      </div>
    </footer>
  );
}
