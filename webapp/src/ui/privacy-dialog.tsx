import { texts } from "../texts/language";
import { Dialog } from "./dialog";

/** How anyone can check that nothing leaves the device. It has an address of its own: `#privacy`. */
export function PrivacyDialog({ onClose }: { readonly onClose: () => void }) {
  const t = texts.value.privacy;
  return (
    <Dialog name="privacy" heading={t.heading} onClose={onClose}>
      <ol class="steps">
        {t.steps.map((step) => <li key={step}>{step}</li>)}
      </ol>
      <p class="quiet">{t.kept}</p>
    </Dialog>
  );
}
