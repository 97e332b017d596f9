import astronaut from "../../../models/samples/astronaut.jpg?url";
import hopper from "../../../models/samples/grace_hopper.jpg?url";

export type SampleId = "hopper" | "astronaut";

/** The collection: portraits in the public domain. Their names are in the texts. */
export const SAMPLES: readonly { readonly id: SampleId; readonly url: string }[] = [
  { id: "hopper", url: hopper },
  { id: "astronaut", url: astronaut },
];

/** @throws Error if the picture is not there, for example offline */
export async function fetchSample(url: string): Promise<Blob> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  return response.blob();
}
