/** A self-signed certificate of the kind that C2PA accepts. The same profile as in runtime/credentials.py. */

import "@abraham/reflection"; // the library's dependency injection wants it
import {
  AuthorityKeyIdentifierExtension,
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectKeyIdentifierExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";
import { MARKS } from "../marks";
import { hex } from "./bytes";

const HOUR_MS = 3_600_000;
const YEAR_MS = 365 * 24 * HOUR_MS;
const NAME_BYTES = 6; // of the random part of the name
const SERIAL_BYTES = 16;

/** X.509 v3, DER. `keys`: ECDSA P-256. */
export async function selfSigned(keys: CryptoKeyPair, algorithm: EcdsaParams): Promise<Uint8Array<ArrayBuffer>> {
  const { organization, name, years, usage } = MARKS.certificate;
  const start = Date.now() - HOUR_MS; // clocks differ a little
  const certificate = await X509CertificateGenerator.createSelfSigned({
    serialNumber: `01${hex(crypto.getRandomValues(new Uint8Array(SERIAL_BYTES)))}`, // begins with 01: positive, not zero
    name: [{ O: [organization] }, { CN: [`${name} ${hex(crypto.getRandomValues(new Uint8Array(NAME_BYTES)))}`] }],
    notBefore: new Date(start),
    notAfter: new Date(start + years * YEAR_MS),
    signingAlgorithm: algorithm,
    keys,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
      new ExtendedKeyUsageExtension([usage]),
      await SubjectKeyIdentifierExtension.create(keys.publicKey),
      await AuthorityKeyIdentifierExtension.create(keys.publicKey),
    ],
  });
  return new Uint8Array(certificate.rawData);
}
