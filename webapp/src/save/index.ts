/** Saving: clips and stills, labelled and ready to be signed. */
export { DEFAULT_LABEL, drawLabel } from "./label";
export { type ClipOptions, saveClip, saveStill, supportedFormats } from "./save";
export type { Marking, SaveFormat, Sign, SignInfo } from "./types";
