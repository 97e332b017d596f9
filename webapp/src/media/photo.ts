/** What a visitor may hand over as a photo, and the first look at it. */

/** Bytes. Larger files are refused before anything is decoded. */
export const LARGEST_PHOTO = 50 * 2 ** 20;

/** Pixels on a side: sharp on dense screens. */
const THUMBNAIL = 320;
/** Of a face's longer side. */
const ROOM = 1.35;

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

/** A square part of a picture, in shares of its width and height. */
export interface Square {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** The square around a face with some room, as far as the picture reaches. @param box x0, y0, x1, y1 in pixels */
export function squareAround([x0, y0, x1, y1]: readonly [number, number, number, number], width: number, height: number): Square {
  const side = Math.min(width, height, ROOM * Math.max(x1 - x0, y1 - y0));
  const within = (middle: number, length: number) => Math.min(Math.max(0, middle - side / 2), length - side) / length;
  return { left: within((x0 + x1) / 2, width), top: within((y0 + y1) / 2, height), width: side / width, height: side / height };
}

/** A small picture of a part of a photo; an object URL, which whoever asked for it revokes. Null if it cannot be read. */
export async function thumbnailOf(photo: Blob, { left, top, width, height }: Square): Promise<string | null> {
  try {
    const bitmap = await createImageBitmap(photo, { imageOrientation: "from-image" });
    const canvas = new OffscreenCanvas(THUMBNAIL, THUMBNAIL);
    const context = canvas.getContext("2d");
    if (context !== null) context.imageSmoothingQuality = "high";
    const part = [left * bitmap.width, top * bitmap.height, width * bitmap.width, height * bitmap.height] as const;
    context?.drawImage(bitmap, ...part, 0, 0, THUMBNAIL, THUMBNAIL);
    bitmap.close();
    return URL.createObjectURL(await canvas.convertToBlob({ type: "image/jpeg" }));
  } catch {
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
