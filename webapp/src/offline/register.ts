/** Registers the service worker, and loads the page once more where only that makes it cross-origin isolated. */

const RELOADED = "vivant-reloaded";

/** Call it before the engine starts. Resolves to false where the page is about to be loaded again. */
export async function registerServiceWorker(script = "sw.js"): Promise<boolean> {
  if (!("serviceWorker" in navigator) || !isSecureContext || import.meta.env.DEV) return true;
  try {
    await navigator.serviceWorker.register(new URL(script, document.baseURI), { updateViaCache: "none" });
  } catch {
    return true; // private windows of some browsers refuse; the site works without
  }
  if (crossOriginIsolated || sessionStorage.getItem(RELOADED)) return true;
  // Only once: some browsers do not isolate the page even so.
  await navigator.serviceWorker.ready;
  sessionStorage.setItem(RELOADED, "1");
  location.reload();
  return false;
}
