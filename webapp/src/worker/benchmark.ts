/** How long one frame takes on a backend, measured before there is a photo. */

import { dispose, type Graphs, type Tensors } from "./graphs";

const RUNS = 3;
const SIDE = 100; // pixels of the made-up picture
const HOPELESS_MS = 2000; // a first run that takes longer is not repeated

/** Median milliseconds of one frame at the smallest size, on a made-up picture with made-up landmarks. */
export async function benchmark(graphs: Graphs): Promise<number> {
  await graphs.prepare(["encode", "render"]);
  const random = generator();
  const noise = (count: number) => Float32Array.from({ length: count }, () => SIDE * random());
  const { encode, render } = graphs.manifest.graphs;
  const count = (name: string) =>
    (encode.inputs.find((input) => input.name === name)?.shape ?? []).reduce<number>((n, d) => n * Number(d), 1);
  const landmarks = noise(count("landmarks"));
  const size = encode.inputs.find((input) => input.name === "size")?.range[0] ?? 0;
  const encoded = await graphs.run("encode", {
    image: graphs.uint8(Uint8Array.from(noise(SIDE * SIDE * 3)), [SIDE, SIDE, 3]),
    landmarks: graphs.input("encode", "landmarks", landmarks),
    region: graphs.input("encode", "region", Float32Array.of(SIDE / 2, SIDE / 2, SIDE, 0)),
    matte: graphs.input("encode", "matte", new Float32Array(count("matte")).fill(1)),
    size: graphs.int64(size),
  });
  const wanted = render.inputs.map((input) => input.name).filter((name) => name in encoded);
  const kept = Object.fromEntries(wanted.map((name) => [name, encoded[name]])) as Tensors;
  const feeds = graphs.onGpu("render") ? await graphs.toGpu(kept) : kept;
  const times: number[] = [];
  for (let run = 0; run <= RUNS; run++) {
    const start = performance.now();
    const outputs = await graphs.run("render", { ...feeds, target: graphs.input("render", "target", landmarks) });
    await outputs["frame"]?.getData();
    times.push(performance.now() - start);
    dispose(outputs);
    if ((times[0] ?? 0) > HOPELESS_MS) break;
  }
  dispose(feeds);
  // The first run prepares kernels and does not count if there are others.
  const counted = times.slice(times.length > 1 ? 1 : 0).sort((a, b) => a - b);
  return counted[counted.length >> 1] ?? Infinity;
}

/** Numbers in 0..1, the same every time. */
function generator(): () => number {
  let state = 1;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 0x100000000;
  };
}
