import type { FoundFace } from "../engine/types";
import type { SampleId } from "./samples";

/** A photo that hangs on the page. */
export interface Portrait {
  readonly file: File;
  /** Object URL of the photo as it is. */
  readonly url: string;
  /** Pixels. */
  readonly width: number;
  readonly height: number;
  /** What the visitor's file is called, which sample it is, or null for a photo from the camera. */
  readonly name: { readonly sample: SampleId } | { readonly title: string } | null;
  /** Size of the picture in which the engine found the faces: their boxes are in these pixels. */
  readonly searched: { readonly width: number; readonly height: number } | null;
  readonly faces: readonly FoundFace[];
  readonly chosen: readonly number[];
}
