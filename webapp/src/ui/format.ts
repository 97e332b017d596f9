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

export function percent(share: number, language: string): string {
  return new Intl.NumberFormat(language, { style: "percent", maximumFractionDigits: 0 }).format(share);
}
