import { useSignal } from "@preact/signals";
import { useEffect, useRef } from "preact/hooks";
import { CameraError, type CameraProblem, closeCamera, openCamera, takePhoto } from "../media/camera";
import { texts } from "../texts/language";
import { Dialog } from "./dialog";
import { FileButton } from "./file-button";
import { nameOfFile } from "./hand-over";
import { CameraIcon } from "./icons";
import type { Studio } from "./studio";

const WANTED_LINES = 1080;

type State = { readonly kind: "starting" } | { readonly kind: "ready" } | { readonly kind: "failed"; readonly problem: CameraProblem };

/** Takes a photo with the camera, which is on only while this dialog is open. */
export function CameraDialog({ studio }: { readonly studio: Studio }) {
  const t = texts.value;
  const state = useSignal<State>({ kind: "starting" });
  const attempt = useSignal(0);
  const video = useRef<HTMLVideoElement>(null);
  const close = () => { studio.dialog.value = null; };

  useEffect(() => {
    let stream: MediaStream | null = null;
    let ended = false;
    state.value = { kind: "starting" };
    openCamera(WANTED_LINES).then(
      (opened) => {
        stream = opened;
        if (ended) closeCamera(opened);
        else if (video.current !== null) video.current.srcObject = opened;
      },
      (error: unknown) => {
        state.value = { kind: "failed", problem: error instanceof CameraError ? error.problem : "failed" };
      },
    );
    return () => {
      ended = true;
      if (stream !== null) closeCamera(stream);
    };
  }, [attempt.value]);

  const shoot = async () => {
    if (video.current === null) return;
    const photo = await takePhoto(video.current);
    close();
    await studio.openPhoto(photo, null);
  };

  const { kind } = state.value;
  return (
    <Dialog name="camera" heading={t.camera.heading} onClose={close}>
      <div class="viewfinder mirrored" hidden={kind === "failed"}>
        <video ref={video} muted autoPlay playsInline aria-label={t.camera.heading} onPlaying={() => { state.value = { kind: "ready" }; }} />
      </div>
      <p role="status">{kind === "starting" ? t.camera.starting : kind === "failed" ? t.camera[state.value.problem] : ""}</p>
      <div class="row">
        {kind === "failed" ? (
          <>
            <FileButton
              accept="image/*"
              primary
              onFile={(file) => {
                close();
                void studio.openPhoto(file, nameOfFile(file));
              }}
            >
              {t.start.choose}
            </FileButton>
            <button type="button" class="button" onClick={() => { attempt.value += 1; }}>{t.camera.retry}</button>
          </>
        ) : (
          <button type="button" class="button primary" disabled={kind !== "ready"} onClick={() => void shoot()}>
            <CameraIcon />
            {t.camera.shutter}
          </button>
        )}
        <button type="button" class="button" onClick={close}>{t.camera.cancel}</button>
      </div>
    </Dialog>
  );
}
