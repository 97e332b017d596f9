import { useSignal, useSignalEffect } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { language, texts } from "../texts/language";
import { CameraDialog } from "./camera-dialog";
import { DetailsDialog } from "./details-dialog";
import { Footer } from "./footer";
import { useHandOver } from "./hand-over";
import { Header } from "./header";
import { InspectView } from "./inspect-view";
import { INSPECT } from "./inspector";
import { NoticeBar } from "./notice-bar";
import { Panel } from "./panel";
import { PrivacyDialog } from "./privacy-dialog";
import { SaveDialog } from "./save-dialog";
import { Stage } from "./stage";
import { StartView } from "./start-view";
import type { Studio } from "./studio";

export function App({ studio }: { readonly studio: Studio }) {
  const dragging = useHandOver(studio);
  const portrait = studio.portrait.value;
  const hash = useHash();
  const inspecting = hash === INSPECT;
  useEffect(() => { document.title = inspecting ? texts.value.inspect.title : texts.value.page.title; });
  useSignalEffect(() => {
    document.documentElement.lang = language.value;
    document.querySelector("meta[name=description]")?.setAttribute("content", texts.value.page.description);
  });
  useEffect(() => {
    const onVisibility = () => { studio.setVisible(document.visibilityState === "visible" && !inspecting); };
    onVisibility();
    document.addEventListener("visibilitychange", onVisibility);
    return () => { document.removeEventListener("visibilitychange", onVisibility); };
  }, [studio, inspecting]);
  return (
    <>
      <a class="skip" href="#content">{texts.value.page.skip}</a>
      <Header studio={studio} inspecting={inspecting} />
      <main id="content" tabIndex={-1}>
        {inspecting && <InspectView inspector={studio.inspector} />}
        {portrait === null ? (
          !inspecting && <StartView studio={studio} />
        ) : (
          <div class="studio" hidden={inspecting} aria-busy={studio.opening.value}>
            <Stage studio={studio} portrait={portrait} />
            <Panel studio={studio} />
          </div>
        )}
      </main>
      <Footer studio={studio} />
      <NoticeBar studio={studio} />
      <p class="visually-hidden" role="status">{studio.announcement.value(texts.value)}</p>
      <Dialogs studio={studio} hash={hash} />
      {dragging && (
        <div class="curtain" aria-hidden="true"><p>{inspecting ? texts.value.inspect.dropHere : texts.value.page.dropHere}</p></div>
      )}
    </>
  );
}

function Dialogs({ studio, hash }: { readonly studio: Studio; readonly hash: string }) {
  switch (studio.dialog.value) {
    case "camera":
      return <CameraDialog studio={studio} />;
    case "details":
      return <DetailsDialog studio={studio} />;
    case "save":
      return <SaveDialog studio={studio} />;
    default:
      return hash === "#privacy" ? <PrivacyDialog onClose={() => { location.hash = ""; }} /> : null;
  }
}

function useHash(): string {
  const hash = useSignal(location.hash);
  useEffect(() => {
    const onChange = () => { hash.value = location.hash; };
    window.addEventListener("hashchange", onChange);
    return () => { window.removeEventListener("hashchange", onChange); };
  }, []);
  return hash.value;
}
