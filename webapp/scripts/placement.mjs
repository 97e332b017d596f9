/**
 * Prints which nodes of a graph ONNX Runtime leaves to the CPU when it is to run on WebGPU, and which tensors it copies
 * for that: each copy from the GPU makes a frame wait.  npm run placement [-- encode render]
 */

import { pathToFileURL } from "node:url";
import { openHarness, serveHarness, SOFTWARE_GPU } from "./harness.mjs";

/** The file that a host with WebGPU takes for a graph: the one made for it, if the bundle lists one. */
async function fileOf(address, graph) {
  const manifest = await (await fetch(new URL("../../bundle/manifest.json", address))).json();
  const made = (manifest.variants ?? []).find((v) => v.graph === graph && v.target === "webgpu" && v.needs.length === 0);
  return made?.file ?? `${graph}.onnx`;
}

/** What a graph's session says in its verbose log: nodes on the CPU, and tensors copied to and from it. */
export async function placementOf(address, graph) {
  const file = await fileOf(address, graph);
  const { browser, page } = await openHarness(address, SOFTWARE_GPU);
  const lines = [];
  page.on("console", (message) => lines.push(message.text()));
  await page.evaluate((file) => harness.logPlacement(file, "../../ort/"), `../../bundle/${file}`);
  await browser.close();
  const placed = (provider) => {
    const start = lines.findIndex((line) => line.includes(`placed on [${provider}]`));
    const count = Number(/Number of nodes: (\d+)/.exec(lines[start] ?? "")?.[1] ?? 0);
    return lines.slice(start + 1, start + 1 + count).map((line) => line.split("]").at(-1).trim());
  };
  const copied = (way) => lines.flatMap((line) => new RegExp(`Add ${way} \\w+ (\\S+) for`).exec(line)?.[1] ?? []);
  return {
    onGpu: placed("WebGpuExecutionProvider").length,
    onCpu: placed("CPUExecutionProvider"),
    fromGpu: copied("MemcpyToHost"),
    toGpu: copied("MemcpyFromHost"),
  };
}

if (import.meta.url === pathToFileURL(process.argv[1] ?? "").href) {
  const server = await serveHarness();
  for (const graph of process.argv.length > 2 ? process.argv.slice(2) : ["render.webgpu-fp32"]) {
    const { onGpu, onCpu, fromGpu, toGpu } = await placementOf(server.address, graph);
    console.log(`${graph}: ${onGpu} nodes on the GPU, ${onCpu.length} on the CPU`);
    for (const node of onCpu) console.log(`  on the CPU: ${node}`);
    for (const tensor of fromGpu) console.log(`  copied from the GPU: ${tensor}`);
    for (const tensor of toGpu) console.log(`  copied to the GPU: ${tensor}`);
    if (onCpu.length || onGpu === 0) process.exitCode = 1;
  }
  await server.close();
}
