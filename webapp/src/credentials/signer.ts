/** Signs what is saved of a photo. */

import type { SavedFile, Sign } from "../save/types";
import { type Credentials, MANIFEST_TYPE } from "./credentials";
import { mediaTypeOf } from "./report";

const HEAD = 16; // bytes that tell a file's kind

/**
 * Files with this name, made of this photo and moved by a motion of this name.
 * What it gives throws CredentialsError where a file cannot be signed.
 */
export function signerOf(credentials: Credentials, photo: File, motion: string, title: string): Sign {
  return async (file, { format, label }): Promise<SavedFile> => {
    const content = await photo.arrayBuffer();
    const origin = {
      photo: photo.name,
      sha256: new Uint8Array(await crypto.subtle.digest("SHA-256", content)),
      mediaType: mediaTypeOf(new Uint8Array(content, 0, Math.min(HEAD, content.byteLength))) ?? (photo.type || "application/octet-stream"),
      motion,
      label,
    };
    const { bytes, sidecar } = await credentials.sign({ file, format, title, origin });
    const beside = sidecar === null ? null : new Blob([sidecar], { type: MANIFEST_TYPE });
    return { file: new Blob([bytes], { type: file.type }), sidecar: beside };
  };
}
