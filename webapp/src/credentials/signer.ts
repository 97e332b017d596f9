/** Signs what is saved of a photo. */

import type { SavedFile, Sign } from "../save/types";
import { type Credentials, MANIFEST_TYPE } from "./credentials";
import type { Source } from "./definition";
import { mediaTypeOf } from "./report";

const HEAD = 16; // bytes that tell a file's kind

/** What is said of a file besides what is seen in it. */
export interface Making {
  readonly photo: File;
  /** More photos of the same person. */
  readonly others?: readonly File[];
  /** The motion's name. */
  readonly motion: string;
  /** The file's name. */
  readonly title: string;
  /** What the invisible mark says. */
  readonly watermark: Uint8Array;
}

/** Signs files that were made so. What it gives throws CredentialsError where a file cannot be signed. */
export function signerOf(credentials: Credentials, { photo, others = [], motion, title, watermark }: Making): Sign {
  return async (file, { format, label }): Promise<SavedFile> => {
    const photos = { photo: await sourceOf(photo), others: await Promise.all(others.map(sourceOf)) };
    const origin = { ...photos, motion, label, watermark };
    const { bytes, sidecar } = await credentials.sign({ file, format, title, origin });
    const beside = sidecar === null ? null : new Blob([sidecar], { type: MANIFEST_TYPE });
    return { file: new Blob([bytes], { type: file.type }), sidecar: beside };
  };
}

/** Describes a photo: nothing but its name, its kind and a hash of its file. */
async function sourceOf(photo: File): Promise<Source> {
  const content = await photo.arrayBuffer();
  return {
    name: photo.name,
    sha256: new Uint8Array(await crypto.subtle.digest("SHA-256", content)),
    mediaType: mediaTypeOf(new Uint8Array(content, 0, Math.min(HEAD, content.byteLength))) ?? (photo.type || "application/octet-stream"),
  };
}
