/** The reference library, c2pa-rs, as WebAssembly: fetched when first needed, then kept by the service worker. */

import init, { WASM_SRI, WasmBuilder, WasmReader } from "@contentauth/c2pa-wasm";
import address from "@contentauth/c2pa-wasm/c2pa.wasm?url";
import { MARKS } from "../marks";
import { available, Unavailable } from "./unavailable";

/** Nothing is fetched: no time stamps, no revocation lists, no remote manifests. */
export const SETTINGS = JSON.stringify(MARKS.settings);
export { WasmBuilder, WasmReader };

let loading: Promise<unknown> | null = null;

/** Gets the library ready. Throws Unavailable where it cannot be fetched; then another call tries again. */
export async function loadLibrary(): Promise<void> {
  loading ??= fetchLibrary().then((response) => init({ module_or_path: response }));
  try {
    await loading;
  } catch (error) {
    loading = null;
    throw error;
  }
}

/** The library's file, which is checked against its hash in the package. */
export async function fetchLibrary(): Promise<Response> {
  const response = await available(fetch(address, { integrity: WASM_SRI }));
  if (!response.ok) throw new Unavailable(`The server answers ${response.status}.`);
  return response;
}
