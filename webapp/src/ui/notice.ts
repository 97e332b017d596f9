import type { ErrorCode } from "../engine/types";
import type { CameraProblem } from "../media/camera";
import type { Texts } from "../texts/language";

/** Why something did not work, as the page sees it: the engine's reasons and a few of its own. */
export type Problem = ErrorCode | "no-engine" | "sample-missing" | "photo-first";

/** One sentence for the visitor. It is a function of the texts, so that a language switch translates it too. */
export interface Notice {
  readonly kind: "error" | "info";
  readonly text: (texts: Texts) => string;
  /** Offers "Try again". */
  readonly retry?: (() => void) | undefined;
}

export function problemNotice(problem: Problem, retry?: () => void): Notice {
  return { kind: "error", text: (texts) => texts.errors[problem], retry };
}

export function cameraNotice(problem: CameraProblem, retry?: () => void): Notice {
  return { kind: "error", text: (texts) => texts.cameraDriver[problem], retry };
}
