/** What a visitor may hand over as a photo, and the first look at it. */

/** Bytes. Larger files are refused before anything is decoded. */
export const LARGEST_PHOTO = 50 * 2 ** 20;

export type PhotoProblem = "not-an-image" | "image-too-large";

/** Says what is wrong with a file before it is decoded; null if it may be a photo. */
export function checkPhoto(file: Blob): PhotoProblem | null {
  if (file.size > LARGEST_PHOTO) return "image-too-large";
  if (file.size === 0 || (file.type !== "" && !file.type.startsWith("image/"))) return "not-an-image";
  return null;
}

export interface Picture {
  /** Object URL; whoever asked for it revokes it. */
  readonly url: string;
  /** Pixels, with the EXIF rotation applied. */
  readonly width: number;
  readonly height: number;
}

/** Decodes a picture for display. Returns null if the browser cannot read it. */
export async function readPicture(file: Blob): Promise<Picture | null> {
  const image = new Image();
  image.src = URL.createObjectURL(file);
  try {
    await image.decode();
    return { url: image.src, width: image.naturalWidth, height: image.naturalHeight };
  } catch {
    URL.revokeObjectURL(image.src);
    return null;
  }
}

/** Files of a drop or a paste, those that may be pictures or videos first. */
export function filesOf(transfer: DataTransfer | null): File[] {
  const files = [...(transfer?.files ?? [])];
  return files.sort((a, b) => Number(isMedia(b)) - Number(isMedia(a)));
}

export function isVideo(file: Blob): boolean {
  return file.type.startsWith("video/");
}

function isMedia(file: Blob): boolean {
  return isVideo(file) || file.type.startsWith("image/");
}

/** The name a file gives its portrait: without folder and ending. */
export function titleOf(fileName: string): string {
  const base = fileName.split(/[\\/]/).at(-1) ?? "";
  return base.replace(/\.[^.]+$/, "").replaceAll("_", " ").trim();
}
