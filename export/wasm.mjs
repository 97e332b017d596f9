/**
 * Times graphs in onnxruntime-web's WebAssembly under Node. What it needs comes as JSON on standard input:
 * { runtime, threads, runs, jobs: [{ name, graph, feeds: { name: [file, dtype, dims] } }] }; it prints JSON:
 * [{ name, wallMs, cpuMs }], medians after two runs that do not count. The graphs take turns, so that what else the
 * machine does slows all of them. Time of the CPU tells more on a busy machine.
 */

import { readFileSync } from "node:fs";
import { pathToFileURL } from "node:url";

const ARRAYS = { float32: Float32Array, uint8: Uint8Array, int64: BigInt64Array };
const { runtime, threads, runs, jobs } = JSON.parse(readFileSync(0, "utf8"));
const ort = await import(pathToFileURL(`${runtime}/ort.node.min.mjs`).href);
ort.env.wasm.numThreads = threads;
ort.env.logLevel = "error";

const median = (values) => [...values].sort((a, b) => a - b)[values.length >> 1];

function tensorOf([file, dtype, dims]) {
  const { buffer, byteOffset, byteLength } = readFileSync(file);
  return new ort.Tensor(dtype, new ARRAYS[dtype](buffer.slice(byteOffset, byteOffset + byteLength)), dims);
}

const graphs = [];
for (const { name, graph, feeds } of jobs) {
  const session = await ort.InferenceSession.create(readFileSync(graph), { executionProviders: ["wasm"], logSeverityLevel: 3 });
  const tensors = Object.fromEntries(Object.entries(feeds).map(([key, told]) => [key, tensorOf(told)]));
  graphs.push({ name, session, tensors, wall: [], cpu: [] });
}
for (let i = 0; i < runs + 2; i++) {
  for (const { session, tensors, wall, cpu } of graphs) {
    const before = process.cpuUsage();
    const begun = performance.now();
    await session.run(tensors);
    wall.push(performance.now() - begun);
    const { user, system } = process.cpuUsage(before);
    cpu.push((user + system) / 1000);
  }
}
console.log(JSON.stringify(graphs.map(({ name, wall, cpu }) => ({ name, wallMs: median(wall.slice(2)), cpuMs: median(cpu.slice(2)) }))));
process.exit(0); // its threads would keep it alive
