/** The engine's public face. */
export { createEngine } from "./engine";
export * from "./types";
