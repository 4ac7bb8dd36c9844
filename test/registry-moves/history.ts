/** Something a writer did: `begun` before it was asked for, `ended` after it was acknowledged, as numbers of one counter that all writers share. */
export interface Deed {
  readonly name: string;
  readonly begun: number;
  /** Undefined: nobody knows whether it was done. */
  readonly ended: number | undefined;
}

/** An export with the span in which it was made, by the same counter. */
export interface Shown {
  readonly begun: number;
  readonly ended: number;
  readonly names: ReadonlySet<string>;
}

/**
 * Whether an export can be the state of one instant within its span. @returns what speaks against it: a deed that is missing although it had ended before the export, or
 * before another began that is shown; one that is shown although it began after the export.
 */
export function contradictions(deeds: readonly Deed[], shown: Shown): string[] {
  const present = deeds.filter(({ name }) => shown.names.has(name));
  const latest = present.reduce((highest, { begun }) => Math.max(highest, begun), shown.begun);
  const missing = deeds.filter(({ name, ended }) => !shown.names.has(name) && ended !== undefined && ended < latest);
  const early = present.filter(({ begun }) => begun > shown.ended);
  return [...missing.map(({ name }) => `${name} is missing`), ...early.map(({ name }) => `${name} was not yet`)];
}
