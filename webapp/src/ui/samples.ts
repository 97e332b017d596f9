import astronaut from "../../../models/samples/astronaut.jpg?url";
import hopper from "../../../models/samples/grace_hopper.jpg?url";

export type SampleId = "hopper" | "astronaut";

export interface Sample {
  readonly id: SampleId;
  readonly file: string;
  readonly url: string;
}

/** The collection: portraits in the public domain. Their names are in the texts. */
export const SAMPLES: readonly Sample[] = [
  { id: "hopper", file: "grace_hopper.jpg", url: hopper },
  { id: "astronaut", file: "astronaut.jpg", url: astronaut },
];

/** @throws Error if the picture is not there, for example offline */
export async function fetchSample({ file, url }: Sample): Promise<File> {
  const response = await fetch(url);
  if (!response.ok) throw new Error(`${url}: ${response.status}`);
  const photo = await response.blob();
  return new File([photo], file, { type: photo.type });
}
