/** The visitor's key: made here on first use, kept in this browser, never exported. Mirrors runtime/credentials.py. */

import { ALGORITHM, type Signer } from "./cose";
import { available } from "./unavailable";

const DATABASE = "vivant-credentials";
const STORE = "signers";
const OWN = "own";

/** The visitor's signer. Where the browser keeps nothing, it serves until the page is closed. */
export async function ownSigner(): Promise<Signer> {
  let database: IDBDatabase;
  try {
    database = await opened();
  } catch {
    return newSigner(); // private windows of some browsers refuse
  }
  try {
    return (await kept(database)) ?? (await keep(database, await newSigner()));
  } finally {
    database.close();
  }
}

async function newSigner(): Promise<Signer> {
  const keys = await crypto.subtle.generateKey(ALGORITHM, false, ["sign", "verify"]);
  const { selfSigned } = await loadCertificates();
  return { key: keys.privateKey, certificate: await selfSigned(keys, ALGORITHM) };
}

/** What makes certificates is needed only once. */
export function loadCertificates(): Promise<typeof import("./certificate")> {
  return available(import("./certificate"));
}

function opened(): Promise<IDBDatabase> {
  const request = indexedDB.open(DATABASE, 1);
  request.onupgradeneeded = () => request.result.createObjectStore(STORE);
  return outcome(request);
}

function kept(database: IDBDatabase): Promise<Signer | undefined> {
  return outcome(database.transaction(STORE).objectStore(STORE).get(OWN) as IDBRequest<Signer | undefined>);
}

/** Keeps it unless another tab was faster, whose signer counts then. */
async function keep(database: IDBDatabase, made: Signer): Promise<Signer> {
  const store = database.transaction(STORE, "readwrite").objectStore(STORE);
  const other = await outcome(store.get(OWN) as IDBRequest<Signer | undefined>);
  if (other !== undefined) return other;
  await outcome(store.put(made, OWN)).catch(() => undefined); // the disk is full: it serves this once
  return made;
}

function outcome<T>(request: IDBRequest<T>): Promise<T> {
  return new Promise((resolve, reject) => {
    request.onsuccess = () => { resolve(request.result); };
    request.onerror = () => { reject(request.error ?? new Error("The browser keeps nothing.")); };
  });
}
