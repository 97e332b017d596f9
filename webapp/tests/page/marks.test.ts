/** Content Credentials, the pure parts: the site and Python say the same, and files' own words are read with care. */

import { decode, encode } from "cborg";
import { execFileSync } from "node:child_process";
import { existsSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { ALGORITHM, coseSign1, coseSize } from "../../src/credentials/cose";
import { manifestDefinition, type Source } from "../../src/credentials/definition";
import { claimsOf, failuresOf, intactState, mediaTypeOf, statedHash } from "../../src/credentials/report";
import { DEFAULT_LABEL } from "../../src/save";
import { motionName, sidecarName } from "../../src/ui/save-job";

const PYTHON = process.env["VIVANT_PYTHON"] ?? resolve(import.meta.dirname, "../../../.venv/bin/python");
const MESSAGE = [1, 35, 69, 171];
const PHOTO = { name: "Anna {motion}.jpg", sha256: Uint8Array.from({ length: 32 }, (_, i) => 8 * i + 7), mediaType: "image/jpeg" };
const OTHERS = ["laughs", "sings"].map((name, i) => ({ name, sha256: new Uint8Array(32).fill(i), mediaType: "image/png" }));

/** The manifest as Python makes it. */
function inPython(others: readonly Source[], motion: string, label: string | null, watermark: readonly number[] | null): Record<string, unknown> {
  const code = `
import json, sys
from vivant import __version__
from vivant.runtime.provenance import Origin, Source, manifest_definition
photos, motion, label, mark = json.loads(sys.argv[1])
photo, *others = (Source(name, bytes(digest), kind) for name, digest, kind in photos)
origin = Origin(photo, motion, label, watermark=None if mark is None else bytes(mark), others=tuple(others))
print(json.dumps([__version__, manifest_definition(origin, "clip.mp4")]))`;
  const told = JSON.stringify([[PHOTO, ...others].map(({ name, sha256, mediaType }) => [name, [...sha256], mediaType]), motion, label, watermark]);
  return JSON.parse(execFileSync(PYTHON, ["-c", code, told], { cwd: "/", encoding: "utf8" }));
}

describe.skipIf(!existsSync(PYTHON))("the manifest", () => {
  test.each([
    ["talk", DEFAULT_LABEL, MESSAGE, []],
    ["talk", DEFAULT_LABEL, MESSAGE, OTHERS],
    ["it’s “{label}” $& 'mine'", null, null, []],
  ])("of %s with the label %s, the watermark %j and the other photos %j is Python’s", (motion, label, message, others) => {
    const [version, expected] = inPython(others, motion, label, message) as unknown as [string, { assertions: { data: { actions: { when: string }[] } }[] }];
    const when = expected.assertions[0]?.data.actions[0]?.when ?? "";
    expect(manifestDefinition({ photo: PHOTO, others, motion, label, watermark: message && Uint8Array.from(message) }, "clip.mp4", { version, when })).toEqual(expected);
  });
});

describe("a signature", async () => {
  const keys = await crypto.subtle.generateKey(ALGORITHM, false, ["sign", "verify"]);
  const signer = { key: keys.privateKey, certificate: new Uint8Array(600).fill(9) };

  test("is COSE_Sign1 with the certificate under it, as long as foreseen", async () => {
    const claim = new Uint8Array(1000).fill(5);
    const signed = await coseSign1(claim, signer);
    expect(signed.length).toBe(coseSize(signer));
    expect(signed[0]).toBe(0xc0 | 18);
    const [header, , payload, signature] = decode(signed.subarray(1), { useMaps: true }) as [Uint8Array<ArrayBuffer>, unknown, null, Uint8Array<ArrayBuffer>];
    expect(payload).toBeNull();
    expect(decode(header, { useMaps: true })).toEqual(new Map<number, unknown>([[1, -7], [33, signer.certificate]]));
    const toBeSigned = encode(["Signature1", header, new Uint8Array(0), claim]);
    expect(await crypto.subtle.verify(ALGORITHM, keys.publicKey, signature, toBeSigned)).toBe(true);
  });
});

describe("a report", () => {
  const action = { action: "c2pa.created", when: "2026-11-21T19:52:14Z", parameters: { vivant: { motion: "no\u001b[31md", label: null } } };
  const active = {
    claim_generator_info: [{ name: "vivant", version: "0.1.0" }],
    assertions: [{ label: "c2pa.actions.v2", data: { actions: [action] } }, { label: "c2pa.soft-binding", data: { alg: "x", blocks: [{ scope: {}, value: "012345ab" }] } }],
    ingredients: [{ title: "a".repeat(999), instance_id: `ni:///sha-256;${"A".repeat(43)}` }, { title: "b", instance_id: "xmp:1" }],
  };
  const certificate = { subject: { O: "Org", CN: "Anna" }, issuer: { CN: "Authority" } };

  test("says what the manifest says, on one line and not endlessly", () => {
    const { ingredients, ...claims } = claimsOf(certificate, active);
    expect(claims).toEqual({
      generator: "vivant 0.1.0", when: action.when, signer: "Org, Anna", issuer: "Authority", motion: "no [31md", label: false, watermark: "012345ab",
    });
    expect(ingredients.map(({ sha256 }) => sha256)).toEqual(["00".repeat(32), null]);
    expect(ingredients[0]?.title).toBe(`${"a".repeat(300)}…`);
  });

  test("of a manifest that is not built as it should be says nothing", () => {
    for (const broken of [{}, { assertions: "x", ingredients: [null], claim_generator_info: 7 }, { assertions: [{ label: "c2pa.actions", data: 1 }] }]) {
      expect(claimsOf({}, broken)).toMatchObject({ generator: null, motion: null, label: null });
    }
  });

  test("tells self-signed from issued", () => {
    expect(intactState("Valid", certificate)).toBe("valid");
    expect(intactState("Trusted", certificate)).toBe("trusted");
    expect(intactState("Valid", { subject: { O: "x" }, issuer: { O: "x" } })).toBe("self-signed");
  });

  test("overlooks only that nobody vouches for the signer", () => {
    const failure = [{ code: "signingCredential.untrusted" }, { code: "assertion.dataHash.mismatch", explanation: "changed" }];
    expect(failuresOf({ validation_results: { activeManifest: { failure } } })).toEqual([{ code: "assertion.dataHash.mismatch", explanation: "changed" }]);
    expect(failuresOf({})).toEqual([]);
  });

  test("believes a hash only of the whole file", () => {
    const binding = { alg: "sha256", hash: "b64'AAAA'" };
    expect(statedHash({ assertions: { "c2pa.hash.data": binding, "c2pa.actions.v2": {} } })).toBe("AAAA");
    expect(statedHash({ assertions: { "c2pa.hash.data": { ...binding, exclusions: [{ start: 0, length: 9 }] } } })).toBeNull();
    expect(statedHash({ assertions: { "c2pa.hash.data": { ...binding, alg: "md5" } } })).toBeNull();
    expect(statedHash({ assertions: { "c2pa.hash.data": binding, "c2pa.hash.boxes": {} } })).toBeNull();
    expect(statedHash({})).toBeNull();
  });

  test.each([["89504e470d0a1a0a00", "image/png"], ["0000001c6674797061766966", "image/avif"], ["000000206674797069736f6d", "video/mp4"], ["000000186674797071742020", "video/quicktime"], ["1a45dfa39f", "video/webm"], ["00", null], ["", null]])(
    "knows a file that begins with %s as %s",
    (head, kind) => expect(mediaTypeOf(Uint8Array.from(Buffer.from(head, "hex")))).toBe(kind),
  );
});

test("motions and manifests have the names that Python gives them", () => {
  expect(motionName({ kind: "preset", seconds: 1 }, "nod")).toBe("nod");
  expect(motionName({ kind: "video", file: new File([], "my.talk.mp4"), seconds: 1 }, "nod")).toBe("my.talk");
  expect(sidecarName("anna-talk.webm")).toBe("anna-talk.c2pa");
});
