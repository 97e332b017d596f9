/** The page's pure parts. */

import { describe, expect, test } from "vitest";
import { cameraProblem } from "../../src/media/camera";
import { reducedSize } from "../../src/media/frame-copier";
import { checkPhoto, filesOf, LARGEST_PHOTO, titleOf } from "../../src/media/photo";
import { frameTimes, playOn } from "../../src/media/video";
import { decimal, fileSize, megabytes, percent } from "../../src/ui/format";
import { fileName } from "../../src/ui/save-job";

const file = (bytes: number, type: string): Blob => ({ size: bytes, type }) as Blob;

describe("checkPhoto", () => {
  test.each([
    [file(10, "image/jpeg"), null],
    [file(10, ""), null], // some systems do not know the type: the decoder decides
    [file(0, "image/jpeg"), "not-an-image"],
    [file(10, "text/plain"), "not-an-image"],
    [file(LARGEST_PHOTO, "image/png"), null],
    [file(LARGEST_PHOTO + 1, "image/png"), "image-too-large"],
  ])("%o", (blob, problem) => expect(checkPhoto(blob)).toBe(problem));
});

test("pictures and videos of a drop come before other files", () => {
  const files = [file(1, "text/plain"), file(2, "image/png"), file(3, "video/mp4")];
  expect(filesOf({ files } as unknown as DataTransfer).map(({ size }) => size)).toEqual([2, 3, 1]);
  expect(filesOf(null)).toEqual([]);
});

test.each([
  ["anna_maria.JPG", "anna maria"],
  ["C:\\photos\\anna.v2.png", "anna.v2"],
  [".jpg", ""],
  ["anna", "anna"],
])("a portrait from %s is called %s", (name, title) => expect(titleOf(name)).toBe(title));

test.each([
  ["NotAllowedError", "refused"],
  ["SecurityError", "refused"],
  ["NotFoundError", "missing"],
  ["OverconstrainedError", "missing"],
  ["NotReadableError", "busy"],
  ["TypeError", "failed"],
])("%s: the camera is %s", (error, problem) => expect(cameraProblem(error)).toBe(problem));

describe("reducedSize", () => {
  test("keeps the shape", () => expect(reducedSize(1920, 1080)).toEqual({ width: 640, height: 360 }));
  test("works upright", () => expect(reducedSize(1080, 1920)).toEqual({ width: 360, height: 640 }));
  test("never enlarges", () => expect(reducedSize(320, 240)).toEqual({ width: 320, height: 240 }));
  test("never vanishes", () => expect(reducedSize(10000, 1).height).toBe(1));
});

describe("frameTimes", () => {
  test("the middle of every frame", () => expect(frameTimes(0.12, 25)).toEqual([0.02, 0.06, 0.1]));
  test("at least one", () => expect(frameTimes(0, 25)).toEqual([0.02]));
});

test("a video that is paused before it has begun to play on is no failure; any other reason is", async () => {
  const failing = (name: string) => ({ play: () => Promise.reject(new DOMException("no", name)) });
  await expect(playOn(failing("AbortError"))).resolves.toBeUndefined();
  await expect(playOn(failing("NotSupportedError"))).rejects.toThrow(DOMException);
});

test("numbers are written as the language writes them", () => {
  expect(megabytes(15_060_000, "en")).toBe("15.1 MB");
  expect(megabytes(15_060_000, "de")).toMatch(/^15,1\sMB$/);
  expect(fileSize(840_000, "en")).toBe("840 kB");
  expect(fileSize(2_300_000, "en")).toBe("2.3 MB");
  expect(decimal(27.44, 1, "fr")).toBe("27,4");
  expect(percent(1.5, "en")).toBe("150%");
});

describe("fileName", () => {
  test("is plain", () => expect(fileName("Grace Hopper", "Smile", "mp4")).toBe("grace-hopper-smile.mp4"));
  test("keeps letters of every script", () => expect(fileName("Zoë 王", "", "gif")).toBe("zoë-王.gif"));
  test("lets nothing through that a system forbids", () => expect(fileName("../a:b*?", "", "png")).toBe("a-b.png"));
  test("is never empty", () => expect(fileName("…", "", "webm")).toBe("portrait.webm"));
});
