/** The signature of a claim: COSE_Sign1 (RFC 9052) as C2PA wants it, with the certificate in its protected header. */

import { encode } from "cborg";

export interface Signer {
  /** Signs and cannot be read out. */
  readonly key: CryptoKey;
  /** X.509, DER. */
  readonly certificate: Uint8Array<ArrayBuffer>;
}

export const ALGORITHM = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" } as const;
/** C2PA's name of it. */
export const C2PA_ALGORITHM = "es256";

const [ALG, X5CHAIN] = [1, 33]; // header parameters
const ES256 = -7;
const TAG = 0xd2; // CBOR tag 18: COSE_Sign1
const SIGNATURE_BYTES = 64;

/** The signed structure; the claim, which is its payload, stays outside. */
export async function coseSign1(claim: Uint8Array, { key, certificate }: Signer): Promise<Uint8Array<ArrayBuffer>> {
  const header = protectedHeader(certificate);
  const toBeSigned = encode(["Signature1", header, new Uint8Array(0), claim]);
  return structure(header, new Uint8Array(await crypto.subtle.sign(ALGORITHM, key, toBeSigned)));
}

/** How many bytes `coseSign1` gives, whatever the claim. */
export function coseSize({ certificate }: Signer): number {
  return structure(protectedHeader(certificate), new Uint8Array(SIGNATURE_BYTES)).length;
}

function protectedHeader(certificate: Uint8Array): Uint8Array {
  return encode(new Map<number, unknown>([[ALG, ES256], [X5CHAIN, certificate]]));
}

function structure(header: Uint8Array, signature: Uint8Array): Uint8Array<ArrayBuffer> {
  return Uint8Array.from([TAG, ...encode([header, new Map(), null, signature])]);
}
