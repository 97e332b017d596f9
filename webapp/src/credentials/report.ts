/** What a manifest says, from the library's two forms of it. Mirrors runtime/inspection.py. */

import { MARKS, type State } from "../marks";
import { fromBase64, hex } from "./bytes";

/** What a file was made of: a title, the SHA-256 (hex) that is stated of it. */
export interface Ingredient {
  readonly title: string;
  readonly sha256: string | null;
}

/** What a manifest says; not to be believed if the file is broken. */
export interface Claims {
  readonly generator: string | null;
  /** By the generator's clock, ISO 8601. */
  readonly when: string | null;
  readonly signer: string | null;
  readonly issuer: string | null;
  readonly motion: string | null;
  /** What every frame shows; false if the user left it out; null if nothing is said. */
  readonly label: string | false | null;
  readonly ingredients: readonly Ingredient[];
  /** What an invisible mark in its pictures is said to say, in hex. */
  readonly watermark: string | null;
}

export interface Examination {
  readonly state: State;
  /** By its first bytes; null where they are of no known kind. */
  readonly mediaType: string | null;
  /** Why it is broken, in the library's words. */
  readonly reasons: readonly string[];
  readonly claims: Claims | null;
}

type Tree = { readonly [key: string]: unknown };

const UNTRUSTED = "signingCredential.untrusted";
const HASH_BYTES = 32;
const BINDING = "c2pa.hash.data";

/** The kind of a file by its first bytes; null if it is no picture or video of a known kind. */
export function mediaTypeOf(head: Uint8Array): string | null {
  const text = hex(head);
  const known = MARKS.signatures.find(([start, magic]) => text.startsWith(String(magic), 2 * Number(start)));
  return known === undefined ? null : String(known[2]);
}

/** Whether a file of this kind can hold no manifest, so that it is in a file beside it. */
export function goesBeside(mediaType: string | null): boolean {
  return Object.entries(MARKS.media_types).some(([ending, type]) => type === mediaType && MARKS.beside.includes(ending));
}

/** Codes and explanations of what is wrong with the active manifest; that nobody vouches for its signer is not. */
export function failuresOf(store: Tree): { code: string; explanation: string }[] {
  const { activeManifest } = tree(store["validation_results"]);
  return list(tree(activeManifest)["failure"])
    .map((failure) => ({ code: String(failure["code"]), explanation: plain(failure["explanation"] ?? failure["code"]) }))
    .filter(({ code }) => code !== UNTRUSTED);
}

/** Trusted, valid or self-signed, for credentials without failures. */
export function intactState(validation: unknown, certificate: Tree): State {
  if (validation === "Trusted") return "trusted";
  return same(certificate["subject"], certificate["issuer"]) ? "self-signed" : "valid";
}

/** @param active the active manifest as the reader gives it */
export function claimsOf(certificate: Tree, active: Tree): Claims {
  const actions = list(active["assertions"])
    .filter(({ label }) => String(label).startsWith("c2pa.actions"))
    .flatMap(({ data }) => list(tree(data)["actions"]));
  const binding = list(active["assertions"]).find(({ label }) => label === MARKS.watermark.label);
  const generator = list(active["claim_generator_info"])[0] ?? {};
  const details = tree(actions.map(({ parameters }) => tree(parameters)[MARKS.details]).find((one) => one !== undefined));
  const label = details["label"];
  return {
    generator: joined(" ", generator["name"], generator["version"]),
    when: plainOrNull(actions.find(({ when }) => when)?.["when"]),
    signer: person(certificate["subject"]),
    issuer: person(certificate["issuer"]),
    motion: plainOrNull(details["motion"]),
    label: "label" in details ? (plainOrNull(label) ?? false) : null,
    watermark: plainOrNull(list(tree(binding?.["data"])["blocks"])[0]?.["value"]),
    ingredients: list(active["ingredients"]).map((one) => ({ title: plain(one["title"]), sha256: hashOf(one["instance_id"]) })),
  };
}

/** The active manifest in the library's full form (crJSON). */
export function fullForm(report: Tree, label: unknown): Tree {
  return list(report["manifests"]).find((one) => one["label"] === label) ?? {};
}

export function certificateOf(full: Tree): Tree {
  return tree(tree(full["signature"])["certificateInfo"]);
}

/** The SHA-256 (base64) that a manifest outside of its file states of all of it; null if it states none. */
export function statedHash(full: Tree): string | null {
  const bindings = Object.entries(tree(full["assertions"])).filter(([label]) => label.startsWith("c2pa.hash."));
  const [[label, binding] = ["", {}], ...others] = bindings;
  const { exclusions, alg, hash } = tree(binding);
  const whole = label === BINDING && others.length === 0 && list(exclusions).length === 0 && alg === "sha256";
  return whole ? (/^b64'(.*)'$/.exec(String(hash))?.[1] ?? null) : null;
}

/** The SHA-256 in hex that an ingredient's instance ID states (RFC 6920). */
function hashOf(uri: unknown): string | null {
  if (typeof uri !== "string" || !uri.startsWith(MARKS.hash_uri)) return null;
  const digest = fromBase64(uri.slice(MARKS.hash_uri.length));
  return digest?.length === HASH_BYTES ? hex(digest) : null;
}

function person(name: unknown): string | null {
  return joined(", ", tree(name)["O"], tree(name)["CN"]);
}

function joined(between: string, ...parts: readonly unknown[]): string | null {
  return parts.filter(Boolean).map(plain).join(between) || null;
}

function plainOrNull(value: unknown): string | null {
  return value === null || value === undefined ? null : plain(value);
}

/** Text from a file: one line, not endless. */
function plain(value: unknown): string {
  const shown = Array.from(String(value).replace(/[\p{C}\p{Zl}\p{Zp}]/gu, " "));
  return shown.length <= MARKS.longest ? shown.join("") : `${shown.slice(0, MARKS.longest).join("")}…`;
}

function same(a: unknown, b: unknown): boolean {
  return JSON.stringify(a) === JSON.stringify(b);
}

export function tree(value: unknown): Tree {
  return typeof value === "object" && value !== null ? (value as Tree) : {};
}

export function list(value: unknown): Tree[] {
  return Array.isArray(value) ? value.map(tree) : [];
}
