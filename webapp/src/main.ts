import { h, render } from "preact";
import { createEngine } from "./engine";
import { App } from "./ui/app";
import { watchInstallPrompt } from "./ui/install";
import { Studio } from "./ui/studio";

const calm = matchMedia("(prefers-reduced-motion: reduce)").matches;
const studio = new Studio(createEngine, "bundle/", calm);
const root = document.getElementById("app");
if (root === null) throw new Error("index.html has no #app.");

watchInstallPrompt();
render(h(App, { studio }), root);
if (!savesData()) void studio.warmUp();

/** Visitors who asked their browser to save data get the models only with their first photo. */
function savesData(): boolean {
  const { connection } = navigator as Navigator & { readonly connection?: { readonly saveData?: boolean } };
  return connection?.saveData === true;
}
