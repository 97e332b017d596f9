/** The visitor's camera: asked for only when a button was pressed, given back as soon as it is not needed. */

export type CameraProblem = "refused" | "missing" | "busy" | "failed" | "unsupported";

export class CameraError extends Error {
  constructor(readonly problem: CameraProblem) {
    super(`The camera is ${problem}.`);
    this.name = "CameraError";
  }
}

/** Which sentence fits a failure of `getUserMedia`, by the name of its DOMException. */
export function cameraProblem(errorName: string): CameraProblem {
  switch (errorName) {
    case "NotAllowedError":
    case "SecurityError":
      return "refused";
    case "NotFoundError":
    case "OverconstrainedError":
      return "missing";
    case "NotReadableError":
    case "AbortError":
      return "busy";
    default:
      return "failed";
  }
}

/**
 * Asks for the front camera.
 * @param height wanted lines; the browser takes what comes close
 * @throws CameraError
 */
export async function openCamera(height: number): Promise<MediaStream> {
  // Absent where the page came over plain HTTP, whatever the types say.
  const devices = navigator.mediaDevices as MediaDevices | undefined;
  if (devices === undefined) throw new CameraError("unsupported");
  try {
    return await devices.getUserMedia({ video: { facingMode: "user", height: { ideal: height } }, audio: false });
  } catch (error) {
    throw new CameraError(cameraProblem(error instanceof DOMException ? error.name : ""));
  }
}

export function closeCamera(stream: MediaStream): void {
  for (const track of stream.getTracks()) track.stop();
}

/** The camera's picture now, unmirrored, as a JPEG file. */
export async function takePhoto(video: HTMLVideoElement): Promise<File> {
  const canvas = new OffscreenCanvas(video.videoWidth, video.videoHeight);
  const context = canvas.getContext("2d");
  if (context === null) throw new CameraError("failed");
  context.drawImage(video, 0, 0);
  const photo = await canvas.convertToBlob({ type: "image/jpeg", quality: 0.95 });
  return new File([photo], "camera.jpg", { type: photo.type });
}
