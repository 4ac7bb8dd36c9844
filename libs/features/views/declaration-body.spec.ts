import { describe, expect, it } from 'vitest';
import { AppError } from '#libs/core/kernel';
import { readDeclarationBody } from './declaration-body.js';

const bytes = (...lines: string[]): Uint8Array => Buffer.from(lines.join('\n'));

describe('the body of a declaration', () => {
  it('is YAML or JSON, and says where each problem is', () => {
    const { declaration, located } = readDeclarationBody(
      bytes('source:', '  topic: orders', 'columns:', '  id: key', '  cents: {from: value.cents, type: number}'),
    );
    expect(declaration).toEqual({
      source: { topic: 'orders' },
      columns: { id: 'key', cents: { from: 'value.cents', type: 'number' } },
    });
    const items = [
      { path: '/columns/cents/type', message: 'must be one of …' },
      { path: '/columns/id/type', message: 'is missing' },
      { path: '/key', message: 'is missing' },
    ];
    const error = new AppError({ kind: 'unprocessable', code: 'invalid-view', message: 'm', items });
    expect((located(error) as AppError).items.map(({ message }) => message)).toEqual([
      'line 5, column 36: must be one of …',
      'line 4, column 7: is missing',
      'line 1, column 1: is missing',
    ]);
    const other = new Error('other');
    expect(located(other)).toBe(other);
  });

  it('is refused where it is no YAML, no object, or could stand for very much', () => {
    const refusal = (...lines: string[]): unknown => {
      try {
        return readDeclarationBody(bytes(...lines));
      } catch (error) {
        return (error as AppError).message;
      }
    };
    expect(refusal('a: [1,', 'b: 2')).toMatch(/not YAML that can be read: line 2, column/);
    expect(refusal('- a')).toMatch(/must be an object/);
    expect(refusal('a: &x [1]', 'b: *x')).toMatch(/aliases are not taken/);
    expect(refusal(`a: ${'['.repeat(40)}${']'.repeat(40)}`)).toMatch(/nested too deeply/);
    expect(refusal(`a: ${'['.repeat(100_000)}`)).toMatch(/not YAML/);
    expect(refusal('x'.repeat(300_000))).toMatch(/more than 262144/);
    expect(() => readDeclarationBody([])).toThrow(/must be an object/);
  });
});
