import type { CellValue, TableRow } from '#libs/core/streams';

/** Characters of a piece. */
const PIECE = 64 * 1024;

/** Rows in the text format of PostgreSQL's COPY, in pieces: a line each, identity and cells apart by tabs. */
export function* copyText(rows: readonly TableRow[]): Generator<string, void> {
  let piece = '';
  for (const { identity, cells } of rows) {
    piece += escaped(identity);
    for (const cell of cells) piece += `\t${cellText(cell)}`;
    piece += '\n';
    if (piece.length < PIECE) continue;
    yield piece;
    piece = '';
  }
  if (piece !== '') yield piece;
}

function cellText(cell: CellValue): string {
  if (cell === null) return '\\N';
  return typeof cell === 'string' ? escaped(cell) : String(cell);
}

const SPECIAL = /[\\\n\r\t]/;
const ESCAPES: Readonly<Record<string, string>> = { '\\': '\\\\', '\n': '\\n', '\r': '\\r', '\t': '\\t' };

function escaped(text: string): string {
  return SPECIAL.test(text) ? text.replaceAll(/[\\\n\r\t]/g, (character) => ESCAPES[character]!) : text;
}
