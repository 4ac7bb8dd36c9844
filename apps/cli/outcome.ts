import type { ExitName } from './exit-codes.js';

/** A column of a table; `wide` ones are shown by `-o wide` only. */
export interface Column {
  readonly title: string;
  readonly wide?: boolean;
  readonly right?: boolean;
}

export interface Table {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly unknown[])[];
  /** Said instead of an empty table. */
  readonly empty?: string;
}

/** What a command came to; how it is printed is decided by `--output`. */
export interface Outcome {
  /** Name of the shape of `data`, part of the envelope. */
  readonly kind: string;
  readonly data: unknown;
  /** For people: a table, or text, or both (text first). */
  readonly table?: Table;
  readonly text?: string;
  /** For people: tables one below another, each under what it is about. */
  readonly tables?: readonly { readonly heading: string; readonly table: Table }[];
  /** Bare references for `-o name`. */
  readonly names?: readonly string[];
  readonly warnings?: readonly string[];
  /** `done` unless given. */
  readonly exit?: ExitName;
  /** Why the answer is no, where `exit` is not `done` and something failed. */
  readonly error?: {
    readonly code: string;
    readonly message: string;
    readonly hint?: string | null;
    readonly findings?: readonly unknown[];
  };
  /** Printed as it is, whatever the output format: a format of its own was asked for. */
  readonly raw?: string;
  /** The result was streamed already; nothing is left to print but warnings. */
  readonly printed?: boolean;
}

/** An outcome that is a list of like things. */
export function listed<T>(
  kind: string,
  items: readonly T[],
  columns: readonly (Column & { readonly of: (item: T) => unknown })[],
  name: (item: T) => string,
  empty?: string,
): Outcome {
  return {
    kind,
    data: items,
    table: { columns, rows: items.map((item) => columns.map(({ of }) => of(item))), empty },
    names: items.map(name),
  };
}

/** An outcome that is one thing, shown to people as lines of name and value. */
export function described(kind: string, data: Record<string, unknown>, name: string, shown = data): Outcome {
  return {
    kind,
    data,
    table: {
      columns: [{ title: '' }, { title: '' }],
      rows: Object.entries(shown).filter(([, value]) => value !== undefined),
    },
    names: [name],
  };
}
