/** What a process for one statement is given: the file, names as temporary views, the statement and its bounds. */
export interface SqlJob {
  readonly path: string;
  /** `create temp view …`, one for each name. */
  readonly names: readonly string[];
  readonly statement: string;
  readonly limit: number;
  readonly bytes: number;
}

/** What it answers: rows, or why not. */
export type SqlReply =
  | {
      readonly columns: readonly string[];
      readonly rows: readonly (readonly (string | number | null)[])[];
      readonly truncated: boolean;
    }
  | { readonly refused: string };
