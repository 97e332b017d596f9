/** Reads a file's credentials and checks whether they still fit it. Mirrors runtime/inspection.py. */

import { fromBase64, hex } from "./bytes";
import { SETTINGS, WasmReader } from "./library";
import { certificateOf, claimsOf, type Examination, failuresOf, fullForm, goesBeside, intactState, mediaTypeOf, statedHash, tree } from "./report";

const HEAD = 16; // bytes that tell a file's kind
const MANIFEST_TYPE = "application/c2pa";
const NOT_FOUND = "JumbfNotFound"; // the library's name of it
const MISMATCH = "assertion.dataHash.mismatch";
const ABSENT: Examination = { state: "absent", mediaType: null, reasons: [], claims: null };

/** @param sidecar the manifest of a file that can hold none */
export async function examineFile(file: Blob, sidecar: Blob | null): Promise<Examination> {
  const mediaType = mediaTypeOf(new Uint8Array(await file.slice(0, HEAD).arrayBuffer()));
  if (mediaType === null) return { state: "unreadable", mediaType, reasons: [], claims: null };
  if (!goesBeside(mediaType)) return examine(file, mediaType);
  const report = sidecar === null ? ABSENT : await examineBeside(file, sidecar);
  return { ...report, mediaType };
}

/** A file that holds its manifest. */
export function examine(file: Blob, mediaType: string): Promise<Examination> {
  return read(file, mediaType, (store) => failuresOf(store).map(({ explanation }) => explanation));
}

/** The library cannot be given two files: it checks the manifest, the file's hash is compared here. */
function examineBeside(file: Blob, sidecar: Blob): Promise<Examination> {
  return read(sidecar, MANIFEST_TYPE, async (store, full) => {
    const failures = failuresOf(store).filter(({ code }) => code !== MISMATCH); // with itself, which means nothing
    const stated = fromBase64(statedHash(full) ?? "");
    const digest = new Uint8Array(await crypto.subtle.digest("SHA-256", await file.arrayBuffer()));
    const fits = stated !== null && hex(stated) === hex(digest);
    return [...failures.map(({ explanation }) => explanation), ...(fits ? [] : ["the hash in the manifest is not the file’s"])];
  });
}

type Problems = (store: ReturnType<typeof tree>, full: ReturnType<typeof tree>) => Promise<readonly string[]> | readonly string[];

async function read(file: Blob, mediaType: string, problems: Problems): Promise<Examination> {
  let reader: WasmReader;
  try {
    reader = await WasmReader.fromBlob(mediaType, file, SETTINGS);
  } catch (error) {
    const reason = String(error);
    if (reason.includes(NOT_FOUND)) return { ...ABSENT, mediaType };
    return { state: "broken", mediaType, reasons: [reason], claims: null };
  }
  try {
    const store = tree(reader.manifestStore());
    const full = fullForm(tree(JSON.parse(reader.crJson())), reader.activeLabel());
    const certificate = certificateOf(full);
    const claims = claimsOf(certificate, tree(reader.activeManifest()));
    const reasons = await problems(store, full);
    const state = reasons.length > 0 ? "broken" : intactState(store["validation_state"], certificate);
    return { state, mediaType, reasons: [...new Set(reasons)], claims };
  } catch (error) {
    return { state: "broken", mediaType, reasons: [`the manifest is not built as it should be (${String(error)})`], claims: null };
  } finally {
    reader.free();
  }
}
