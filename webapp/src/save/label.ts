/** The visible label: says in every saved picture that it was made by a machine. */

import { MARKS } from "../marks";

export const DEFAULT_LABEL = MARKS.label;

type Context = CanvasRenderingContext2D | OffscreenCanvasRenderingContext2D;

/** Writes the label into the lower left corner, large enough to be read at any size of the picture. */
export function drawLabel(context: Context, text: string): void {
  const { width, height } = context.canvas;
  const size = Math.max(10, Math.round(0.028 * Math.min(width, height)));
  const [margin, padding] = [Math.round(0.6 * size), Math.round(0.45 * size)];
  context.save();
  context.font = `600 ${size}px system-ui, sans-serif`;
  context.textBaseline = "middle";
  const most = width - 2 * (margin + padding);
  const plate = { width: Math.min(context.measureText(text).width, most) + 2 * padding, height: size + 2 * padding };
  const top = height - margin - plate.height;
  context.fillStyle = "rgb(0 0 0 / 0.55)";
  context.beginPath();
  context.roundRect(margin, top, plate.width, plate.height, plate.height / 2);
  context.fill();
  context.fillStyle = "rgb(255 255 255 / 0.95)";
  context.fillText(text, margin + padding, top + plate.height / 2, most);
  context.restore();
}
