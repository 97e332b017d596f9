import { expect, test } from "vitest";
import { spread } from "../../src/worker/watermark";

test.each([
  [0, 16, []],
  [1, 16, [0]],
  [3, 16, [0, 1, 2]],
  [16, 2, [0, 15]],
  [100, 4, [0, 33, 66, 99]],
  [5, 1, [0]],
])("of %i frames, %i are spread from the first to the last", (count, wanted, expected) => {
  expect(spread(count, wanted)).toEqual(expected);
});
