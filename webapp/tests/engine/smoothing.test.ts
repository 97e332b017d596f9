import { describe, expect, test } from "vitest";
import { OneEuroFilter } from "../../src/worker/smoothing";

const CONFIG = { min_cutoff: 1, beta: 15, derivative_cutoff: 2 };

describe("the one-euro filter", () => {
  test("returns the first frame as it is, and a frame that is not later as the one before", () => {
    const filter = new OneEuroFilter(CONFIG, 3);
    expect([...filter.next(Float32Array.of(1, 2, 3), 0, 1)]).toEqual([1, 2, 3]);
    expect([...filter.next(Float32Array.of(9, 9, 9), 0, 1)]).toEqual([1, 2, 3]);
  });

  test("gives what runtime/smoothing.py gives", () => {
    const filter = new OneEuroFilter(CONFIG, 2);
    filter.next(Float32Array.of(0, 0, 5, 5), 0, 2);
    filter.next(Float32Array.of(1, 0, 5, 5.5), 0.04, 2);
    const third = filter.next(Float32Array.of(1.5, 0.5, 4, 5), 0.1, 2);
    // OneEuroFilter()(…, unit=2.0) on the same points.
    const expected = [1.480161, 0.482248, 4.045952, 5.02046];
    third.forEach((value, i) => expect(value).toBeCloseTo(expected[i] ?? NaN, 5));
  });

  test("begins anew after a reset", () => {
    const filter = new OneEuroFilter(CONFIG, 3);
    filter.next(Float32Array.of(0, 0, 0), 0, 1);
    filter.reset();
    expect([...filter.next(Float32Array.of(5, 5, 5), 1, 1)]).toEqual([5, 5, 5]);
  });
});
