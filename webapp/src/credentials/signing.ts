/** Signs a file: the manifest goes into it, or where C2PA has no place for it into a file beside it. */

import type { SaveFormat } from "../save/types";
import { MARKS } from "../marks";
import { C2PA_ALGORITHM, coseSign1, coseSize, type Signer } from "./cose";
import { manifestDefinition, type Maker, type Origin } from "./definition";
import { examine } from "./examination";
import { SETTINGS, WasmBuilder } from "./library";

export interface SignedFile {
  readonly bytes: Uint8Array<ArrayBuffer>;
  /** The manifest, where it is not in the file. */
  readonly sidecar: Uint8Array<ArrayBuffer> | null;
}

export interface SignOrder {
  readonly file: Blob;
  readonly format: SaveFormat;
  /** The file's name. */
  readonly title: string;
  readonly origin: Origin;
}

const PROOF_TYPE = "image/png";
const PROOF_PHOTO = { name: "proof", sha256: new Uint8Array(32), mediaType: PROOF_TYPE };
const PROOF: Origin = { photo: PROOF_PHOTO, others: [], motion: "proof", label: null, watermark: null };

export async function signFile({ file, format, title, origin }: SignOrder, signer: Signer, maker: Maker): Promise<SignedFile> {
  const definition = JSON.stringify(manifestDefinition(origin, title, maker));
  const builder = WasmBuilder.fromJson(definition, SETTINGS);
  try {
    const mediaType = MARKS.media_types[`.${format}`];
    const how = { alg: C2PA_ALGORITHM, reserveSize: coseSize(signer), sign: (claim: Uint8Array) => coseSign1(claim, signer) };
    if (!MARKS.beside.includes(`.${format}`)) return { bytes: owned(await builder.sign(how, [], mediaType, file)), sidecar: null };
    builder.setNoEmbed(true);
    const { manifest } = (await builder.signAndGetManifestBytes(how, [], mediaType, file)) as { manifest: Uint8Array };
    return { bytes: new Uint8Array(await file.arrayBuffer()), sidecar: owned(manifest) };
  } finally {
    builder.free();
  }
}

/** Signs a tiny picture and reads it back: a signer that can be used is known by its signature. Throws Error. */
export async function prove(signer: Signer, maker: Maker): Promise<void> {
  const canvas = new OffscreenCanvas(1, 1);
  canvas.getContext("2d");
  const picture = await canvas.convertToBlob({ type: PROOF_TYPE });
  const { bytes } = await signFile({ file: picture, format: "png", title: "proof", origin: PROOF }, signer, maker);
  const { state, reasons } = await examine(new Blob([bytes]), PROOF_TYPE);
  if (state !== "self-signed") throw new Error(`What was signed is ${state}: ${reasons.join("; ")}`);
}

function owned(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  return bytes as Uint8Array<ArrayBuffer>;
}
