import { signal } from "@preact/signals";

const STORAGE_KEY = "vivant.consent";

function stored(): boolean {
  try {
    return localStorage.getItem(STORAGE_KEY) === "given";
  } catch {
    return false;
  }
}

/** Whether the visitor said that the person in the photo agrees; asked before the first file, then remembered. */
export const consent = signal(stored());

export function giveConsent(): void {
  consent.value = true;
  try {
    localStorage.setItem(STORAGE_KEY, "given");
  } catch {
    // asked again next time
  }
}
