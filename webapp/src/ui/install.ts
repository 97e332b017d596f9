import { signal } from "@preact/signals";

/** Chromium's offer to install the page as an app; not yet in TypeScript's DOM types. */
interface BeforeInstallPromptEvent extends Event {
  prompt(): Promise<{ readonly outcome: "accepted" | "dismissed" }>;
}

/** Set while the browser would install the page. */
export const installPrompt = signal<BeforeInstallPromptEvent | null>(null);

export function watchInstallPrompt(): void {
  window.addEventListener("beforeinstallprompt", (event) => {
    event.preventDefault();
    installPrompt.value = event as BeforeInstallPromptEvent;
  });
  window.addEventListener("appinstalled", () => { installPrompt.value = null; });
}
