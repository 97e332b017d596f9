import { effect } from "@preact/signals";
import { h, render } from "preact";
import { Credentials } from "./credentials";
import { createEngine } from "./engine";
import { registerServiceWorker } from "./offline";
import { App } from "./ui/app";
import { watchInstallPrompt } from "./ui/install";
import { Studio } from "./ui/studio";

/** How long the engine waits for the service worker of a first visit. */
const CONTROL_PATIENCE_MS = 2000;

const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
const studio = new Studio(createEngine, "bundle/", calm);
const root = document.getElementById("app");
if (root === null) throw new Error("index.html has no #app.");

watchInstallPrompt();
render(h(App, { studio }), root);
void begin();
// What more photos of a person and saved files need is fetched when a portrait moves, so that this works offline, too.
const stop = effect(() => {
  if (!studio.moving.value || savesData()) return;
  queueMicrotask(() => { stop(); });
  void Credentials.fetchAhead();
  void studio.link.get().then((engine) => engine.fetchAhead()).catch(() => undefined);
});

async function begin(): Promise<void> {
  await registerServiceWorker();
  await Promise.race([controlled(), wait(CONTROL_PATIENCE_MS)]);
  if (!savesData()) await studio.warmUp();
}

/** The service worker keeps what passes through it: the engine waits for it, so that one visit is enough to work offline. */
function controlled(): Promise<void> {
  return new Promise((resolve) => {
    const { serviceWorker } = navigator as { readonly serviceWorker?: ServiceWorkerContainer };
    if (serviceWorker === undefined || serviceWorker.controller !== null) resolve();
    else serviceWorker.addEventListener("controllerchange", () => { resolve(); }, { once: true });
  });
}

function wait(milliseconds: number): Promise<void> {
  return new Promise((resolve) => { setTimeout(resolve, milliseconds); });
}

/** Visitors who asked their browser to save data get the models only with their first photo. */
function savesData(): boolean {
  const { connection } = navigator as Navigator & { readonly connection?: { readonly saveData?: boolean } };
  return connection?.saveData === true;
}
