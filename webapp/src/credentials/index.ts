/** Content Credentials (C2PA): signing files, and what files say of themselves. */
export { Credentials, CredentialsError } from "./credentials";
export { type Making, signerOf } from "./signer";
export { isManifest, pairs } from "./pairs";
export { goesBeside } from "./report";
export type { Claims, Examination, Ingredient } from "./report";
