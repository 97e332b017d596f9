/** The languages say the same things, and the browser's preference picks one. */

import { describe, expect, test } from "vitest";
import { LANGUAGES, pickLanguage } from "../../src/texts/languages";

type Tree = { readonly [key: string]: unknown };

/** Every text by its path; functions are called with marked arguments, so that a forgotten one shows. */
function flatten(tree: Tree, path = ""): Map<string, string> {
  const found = new Map<string, string>();
  for (const [key, value] of Object.entries(tree)) {
    const here = path === "" ? key : `${path}.${key}`;
    if (typeof value === "string") found.set(here, value);
    else if (typeof value === "function") found.set(`${here}()`, String((value as (...a: string[]) => string)("<1>", "<2>")));
    else if (typeof value === "object" && value !== null) {
      for (const [inner, text] of flatten(value as Tree, here)) found.set(inner, text);
    }
  }
  return found;
}

const english = flatten(LANGUAGES.en.texts);
/** The same in every language: names, and words that were taken over. */
const SHARED = /^samples\.|\.name$|^sliders\.(expression)$|^details\.(open|heading|threads|pixels\(\))|^save\.format$|^motion\.presets\.(surprise)$|^portrait\.pause$/;

describe.each(["de", "fr"] as const)("%s", (code) => {
  const texts = flatten(LANGUAGES[code].texts);

  test("has every text", () => {
    expect([...texts.keys()].sort()).toEqual([...english.keys()].sort());
  });

  test("leaves none empty", () => {
    expect([...texts].filter(([, text]) => text.trim() === "")).toEqual([]);
  });

  test("uses the same arguments", () => {
    for (const [path, text] of english) {
      for (const mark of ["<1>", "<2>"]) expect(texts.get(path)?.includes(mark), `${path} ${mark}`).toBe(text.includes(mark));
    }
  });

  test("is translated", () => {
    const same = [...texts].filter(([path, text]) => text === english.get(path) && !SHARED.test(path)).map(([path]) => path);
    expect(same).toEqual([]);
  });
});

describe("pickLanguage", () => {
  test("what the visitor chose before comes first", () => expect(pickLanguage("fr", ["de"])).toBe("fr"));
  test("then the browser's first language that the page speaks", () => expect(pickLanguage(null, ["pt-BR", "de-AT", "en"])).toBe("de"));
  test("an unknown choice is ignored", () => expect(pickLanguage("xx", ["fr-CA"])).toBe("fr"));
  test("nothing that it speaks: English", () => expect(pickLanguage(null, ["ja"])).toBe("en"));
  test("no trick with inherited names", () => expect(pickLanguage("toString", [])).toBe("en"));
});
