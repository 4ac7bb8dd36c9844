const tty = process.stdout.isTTY === true && process.env['NO_COLOR'] === undefined;
const paint = (code: string) => (text: string) => (tty ? `\u001b[${code}m${text}\u001b[0m` : text);

export const bold = paint('1');
export const dim = paint('2');
export const green = paint('32');
export const red = paint('31');
export const cyan = paint('36');

/** A heading of the story. */
export function chapter(title: string): void {
  process.stdout.write(`\n${bold(title)}\n`);
}

/** A line of the story. */
export function say(text: string): void {
  process.stdout.write(`  ${text}\n`);
}

/** Progress of something long: one line repainted on a terminal, a line every quarter otherwise. */
export class Progress {
  #painted = 0;
  #quarter = -1;

  constructor(private readonly label: string) {}

  update(fraction: number, detail: string): void {
    const percent = Math.min(100, fraction * 100);
    if (tty) {
      const now = performance.now();
      if (now - this.#painted < 80) return;
      this.#painted = now;
      const filled = Math.round(percent / 4);
      process.stdout.write(
        `\r  ${this.label.padEnd(12)} ${cyan('█'.repeat(filled))}${dim('░'.repeat(25 - filled))} ${percent.toFixed(0).padStart(3)}%  ${detail}\u001b[K`,
      );
      return;
    }
    const quarter = Math.floor(percent / 25);
    if (quarter > this.#quarter) {
      this.#quarter = quarter;
      process.stdout.write(`  ${this.label} ${percent.toFixed(0)}% ${detail}\n`);
    }
  }

  done(detail: string): void {
    process.stdout.write(
      `${tty ? '\r' : ''}  ${green('✓')} ${this.label.padEnd(10)} ${detail}${tty ? '\u001b[K' : ''}\n`,
    );
  }
}

/** Rows as columns, numbers to the right. */
export function table(head: readonly string[], rows: readonly (readonly (string | number)[])[]): void {
  const text = rows.map((row) => row.map(String));
  const widths = head.map((title, column) => Math.max(title.length, ...text.map((row) => row[column]?.length ?? 0)));
  const numeric = head.map((_, column) => rows.every((row) => typeof row[column] === 'number'));
  const line = (cells: readonly string[]): string =>
    cells
      .map((cell, column) => (numeric[column] ? cell.padStart(widths[column]!) : cell.padEnd(widths[column]!)))
      .join('  ');
  say(dim(line(head)));
  for (const row of text) say(line(row));
}

export const count = (value: number): string => Math.round(value).toLocaleString('en-US');
export const seconds = (ms: number): string => `${(ms / 1000).toFixed(2)} s`;
