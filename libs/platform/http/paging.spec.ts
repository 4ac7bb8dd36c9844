import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatCursor, pageOf, parseCursor } from './paging.js';

describe('pages', () => {
  it('together are the list, each entry once, whatever their size', () => {
    fc.assert(
      fc.property(
        fc.uniqueArray(fc.string()).map((names) => names.sort()),
        fc.integer({ min: 1, max: 7 }),
        (names, limit) => {
          const seen: string[] = [];
          for (let cursor: string | undefined; ;) {
            const page = pageOf(names, { limit, cursor }, (name) => name);
            expect(page.items.length).toBeLessThanOrEqual(limit);
            seen.push(...page.items);
            if (page.next === null) break;
            cursor = page.next;
          }
          expect(seen).toEqual(names);
        },
      ),
    );
  });

  it('go on behind the last entry when others come and go', () => {
    const first = pageOf(['a', 'c', 'e'], { limit: 2 }, (name) => name);
    expect(pageOf(['a', 'b', 'd', 'e'], { limit: 2, cursor: first.next! }, (name) => name).items).toEqual(['d', 'e']);
  });

  it('have cursors for any key, and refuse any other text', () => {
    fc.assert(
      fc.property(fc.string(), (key) => {
        expect(parseCursor(formatCursor(key))).toBe(key);
      }),
    );
    for (const text of ['', 'x', '%00', 'AAAA', `${formatCursor('a')}=`, ` ${formatCursor('a')}`]) {
      expect(() => parseCursor(text)).toThrow(expect.objectContaining({ code: 'invalid-cursor' }) as Error);
    }
  });
});
