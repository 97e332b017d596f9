import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { filesOf, isVideo, titleOf } from "../media/photo";
import { INSPECT } from "./inspector";
import { OTHERS_PLACE } from "./others";
import type { Portrait } from "./portrait";
import type { Studio } from "./studio";

export function nameOfFile(file: File): Portrait["name"] {
  return { title: titleOf(file.name) };
}

/** Opens a file wherever it belongs: a photo is hung, a video leads the portrait; beside them, files are inspected. */
export async function handOver(studio: Studio, files: readonly File[]): Promise<void> {
  const [file, second] = files;
  if (file === undefined || studio.dialog.value === "save") return;
  studio.dialog.value = null;
  if (location.hash === INSPECT) return studio.inspector.examine(files);
  if (isVideo(file)) await studio.motions.leadByVideo(file);
  else await studio.openPhoto(file, nameOfFile(file));
  if (second !== undefined && studio.notice.value === null) {
    studio.notice.value = { kind: "info", text: (t) => t.notice.oneOfMany };
  }
}

/** Takes files that are dropped or pasted anywhere on the page; returns whether one is being dragged over it. */
export function useHandOver(studio: Studio): boolean {
  const dragging = useSignal(false);
  useEffect(() => {
    const listeners = new AbortController();
    const { signal } = listeners;
    const withFiles = (event: DragEvent): boolean => event.dataTransfer?.types.includes("Files") ?? false;
    window.addEventListener("dragover", (event) => {
      if (!withFiles(event)) return;
      event.preventDefault();
      dragging.value = true;
    }, { signal });
    window.addEventListener("dragleave", (event) => {
      if (event.relatedTarget === null) dragging.value = false;
    }, { signal });
    window.addEventListener("drop", (event) => {
      dragging.value = false;
      if (!withFiles(event)) return;
      event.preventDefault();
      const files = filesOf(event.dataTransfer);
      if (event.target instanceof Element && event.target.closest(`.${OTHERS_PLACE}`) !== null) void studio.others.add(files);
      else void handOver(studio, files);
    }, { signal });
    window.addEventListener("paste", (event) => {
      void handOver(studio, filesOf(event.clipboardData));
    }, { signal });
    return () => { listeners.abort(); };
  }, [studio]);
  return dragging.value;
}
