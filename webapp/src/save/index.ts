/** Saving: clips and stills, labelled and signed. */
export { DEFAULT_LABEL, drawLabel } from "./label";
export { type ClipOptions, saveClip, saveStill, supportedFormats } from "./save";
export type { Marking, SavedFile, SaveFormat, Sign, SignInfo, Watermark } from "./types";
