import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { settingsAsMarkdown } from './render.js';

/** Rows of the tables in a page, without the padding that formatting adds. */
function rowsOf(markdown: string): string[][] {
  return markdown
    .split('\n')
    .filter((line) => line.startsWith('| ') && !/^[| :-]+$/.test(line))
    .map((line) => line.split(' | ').map((cell) => cell.replace(/^\| *|\| *$/g, '').trim()));
}

const page = readFileSync(new URL('../../../docs/configuration.md', import.meta.url), 'utf8');

describe('docs/configuration.md', () => {
  it('has every setting as the schema has it, and no other', () => {
    const rows = rowsOf(settingsAsMarkdown());
    expect(rows.length).toBeGreaterThan(30);
    expect(rowsOf(page)).toEqual(rows);
  });

  it('negative control: a default that changed since is seen', () => {
    const stale = page.replace('`8081`', '`8080`');
    expect(stale).not.toBe(page);
    expect(rowsOf(stale)).not.toEqual(rowsOf(settingsAsMarkdown()));
  });
});
