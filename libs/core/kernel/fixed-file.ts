/** Bytes of a file as it was at one moment: the beginning of a file on the disk that no longer changes, or bytes in memory. */
export type FixedPart = { readonly file: string; readonly bytes: number } | { readonly memory: Uint8Array };

/** A file of which the bytes are fixed, whatever is written meanwhile; as long as whoever gave it holds it. */
export interface FixedFile {
  /** Relative, parts joined with `/`. */
  readonly path: string;
  /** In their order. */
  readonly parts: readonly FixedPart[];
  /** Files of one path with one seal hold the same bytes. Absent for a file that still changes. */
  readonly seal?: string;
}

/** How many bytes a fixed file has. */
export function bytesOf({ parts }: FixedFile): number {
  return parts.reduce((sum, part) => sum + ('memory' in part ? part.memory.length : part.bytes), 0);
}
