/** Call it before the engine starts: what the engine fetches passes through the service worker, which keeps it. */
export async function registerServiceWorker(script = "sw.js"): Promise<void> {
  if (!("serviceWorker" in navigator) || !isSecureContext || import.meta.env.DEV) return;
  try {
    await navigator.serviceWorker.register(new URL(script, document.baseURI), { updateViaCache: "none" });
  } catch {
    // Private windows of some browsers refuse; the site works without.
  }
}
