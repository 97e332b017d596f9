import { de } from "./de";
import { en, type Texts } from "./en";
import { fr } from "./fr";

export type Language = "en" | "de" | "fr";

/** Each language with its own name for itself. */
export const LANGUAGES: Readonly<Record<Language, { readonly name: string; readonly texts: Texts }>> = {
  en: { name: "English", texts: en },
  de: { name: "Deutsch", texts: de },
  fr: { name: "Français", texts: fr },
};

function isLanguage(value: string | null | undefined): value is Language {
  return value !== null && value !== undefined && Object.hasOwn(LANGUAGES, value);
}

/** The visitor's first preferred language (BCP 47 tags) that the page speaks; English if none. */
export function pickLanguage(stored: string | null, preferred: readonly string[]): Language {
  if (isLanguage(stored)) return stored;
  const spoken = preferred.map((tag) => tag.toLowerCase().split("-")[0]).find((tag) => isLanguage(tag));
  return isLanguage(spoken) ? spoken : "en";
}
