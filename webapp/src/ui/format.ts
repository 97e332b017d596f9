/** Numbers as the visitor's language writes them. */

const MEGA = 1e6;

export function megabytes(bytes: number, language: string): string {
  const format = { style: "unit", unit: "megabyte", minimumFractionDigits: 1, maximumFractionDigits: 1 } as const;
  return new Intl.NumberFormat(language, format).format(bytes / MEGA);
}

/** A byte count in the unit that suits it: "840 kB", "2.3 MB". */
export function fileSize(bytes: number, language: string): string {
  if (bytes >= MEGA) return megabytes(bytes, language);
  const format = { style: "unit", unit: "kilobyte", maximumFractionDigits: 0 } as const;
  return new Intl.NumberFormat(language, format).format(Math.max(1, bytes / 1000));
}

/** @param digits after the decimal sign */
export function decimal(value: number, digits: number, language: string): string {
  return new Intl.NumberFormat(language, { minimumFractionDigits: digits, maximumFractionDigits: digits }).format(value);
}

/** A time of ISO 8601 as people write it; as it is where it is none. */
export function moment(when: string | null, language: string): string | null {
  const time = Date.parse(when ?? "");
  if (Number.isNaN(time)) return when;
  return new Intl.DateTimeFormat(language, { dateStyle: "long", timeStyle: "short" }).format(time);
}

export function percent(share: number, language: string): string {
  return new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 0 }).format(share);
}
