import { computed, signal } from "@preact/signals";
import type { Texts } from "./en";
import { type Language, LANGUAGES, pickLanguage } from "./languages";

export type { Texts } from "./en";
export { type Language, LANGUAGES } from "./languages";

const STORAGE_KEY = "vivant.language";

function readStored(): string | null {
  try {
    return localStorage.getItem(STORAGE_KEY);
  } catch {
    return null; // storage may be forbidden; the page works without it
  }
}

export const language = signal<Language>(pickLanguage(readStored(), navigator.languages));

/** The texts of the current language; reading it in a component redraws that component on a switch. */
export const texts = computed<Texts>(() => LANGUAGES[language.value].texts);

export function setLanguage(next: Language): void {
  language.value = next;
  try {
    localStorage.setItem(STORAGE_KEY, next);
  } catch {
    // not remembered, that is all
  }
}
