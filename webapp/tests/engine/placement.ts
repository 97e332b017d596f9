/** Which nodes of a graph ONNX Runtime leaves to the CPU when it is to run on the GPU: it says so in its verbose log. */

import { loadRuntime } from "../../src/worker/runtime";

/** Makes a session on the GPU that tells where its nodes go; the lines come through the console. */
export async function logPlacement(graph: string, runtime: string): Promise<void> {
  const ort = await loadRuntime(new URL(runtime, document.baseURI).href, true);
  ort.env.logLevel = "verbose";
  const session = await ort.InferenceSession.create(new URL(graph, document.baseURI).href, {
    executionProviders: ["webgpu"],
    logSeverityLevel: 0,
    logVerbosityLevel: 1,
  });
  await session.release();
}
