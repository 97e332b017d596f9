/** A worker that renders for the worker: ONNX Runtime on one thread, and the graph `render` alone. */

import type { CrewAnswer, CrewOrder, CrewStart } from "./crew-orders";
import { Graphs } from "./graphs";
import { Queue } from "./queue";
import { OwnRenderer } from "./renderer";
import { loadRuntime } from "./runtime";

const orders = new Queue();
let renderer: OwnRenderer | null = null;

type Answer = (message: CrewAnswer, transfer?: Transferable[]) => void;

async function started({ runtime, gpu, manifest, model }: CrewStart): Promise<OwnRenderer> {
  const ort = await loadRuntime(runtime, gpu);
  const files = new Map([[manifest.graphs.render.file, model]]);
  const graphs = new Graphs({ ort, manifest, files, onGpu: new Set() });
  await graphs.prepare(["render"]);
  return new OwnRenderer(graphs);
}

async function carryOut(order: CrewOrder, answer: Answer): Promise<void> {
  if (order.kind === "end") return close();
  if (order.kind === "start") {
    renderer = await started(order);
    return answer({ kind: "started" });
  }
  if (!renderer) throw new Error("The worker that renders has not started.");
  switch (order.kind) {
    case "hold":
      return renderer.hold(order.portrait, order.values);
    case "forget":
      return renderer.forget(order.portrait);
    case "render": {
      const rendering = await renderer.render(order.portrait, order.target);
      answer({ kind: "rendered", job: order.job, rendering }, [rendering.square.buffer]);
    }
  }
}

/** The page's one message: the port to the worker for which this one renders. */
addEventListener("message", ({ data: port }: MessageEvent<MessagePort>) => {
  const answer: Answer = (message, transfer = []) => { port.postMessage(message, { transfer }); };
  port.onmessage = ({ data }: MessageEvent<CrewOrder>) => {
    orders
      .run(() => carryOut(data, answer))
      .catch((error: unknown) => {
        const message = error instanceof Error ? error.message : String(error);
        answer({ kind: "failed", job: data.kind === "render" ? data.job : null, message });
      });
  };
});
