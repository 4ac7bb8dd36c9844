/**
 * Logical topic names and their generations. Generation 1 carries the logical name itself; generation n > 1 is
 * `<name>--g<n>`, a reserved pattern that the data plane refuses for user topics.
 */
export interface Generation {
  readonly logical: string;
  /** From 1, no upper bound but that of a safe integer. */
  readonly generation: number;
}

const PHYSICAL = /^(.+)--g([1-9][0-9]*)$/;

/** The physical topic that holds the given generation of a logical topic. */
export function physicalName(logical: string, generation: number): string {
  return generation === 1 ? logical : `${logical}--g${generation}`;
}

/** The logical topic and generation a physical name stands for. A name without the reserved ending is its own generation 1. */
export function generationOf(physical: string): Generation {
  const match = PHYSICAL.exec(physical);
  const generation = match === null ? 1 : Number(match[2]);
  return match === null || generation < 2 || !Number.isSafeInteger(generation)
    ? { logical: physical, generation: 1 }
    : { logical: match[1]!, generation };
}

/** Whether a name follows the pattern reserved for generations and so cannot be given to a topic by a user. */
export function isReservedName(name: string): boolean {
  return generationOf(name).generation > 1;
}
