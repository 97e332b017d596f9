/** What Python and the site say in the same words: see runtime/marks.py. */
import marks from "../../runtime/marks.json";

export const MARKS = marks;
/** What a file says of itself; the words are those of `vivant inspect`. */
export type State = keyof typeof marks.states;
