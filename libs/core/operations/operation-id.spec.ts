import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isOperationId, operationId } from './operation-id.js';

const bytes = fc.uint8Array({ minLength: 10, maxLength: 10 });

describe('operation ids', () => {
  it('are op_ and a ULID, known by their form', () => {
    expect(operationId(1_700_000_000_000, () => new Uint8Array(10))).toBe('op_01HF7YAT000000000000000000');
    fc.assert(
      fc.property(fc.nat(2 ** 40), bytes, (now, random) => {
        expect(isOperationId(operationId(now, () => random))).toBe(true);
      }),
    );
    for (const other of ['', 'op_', 'op_01HF7YAT00000000000000000U', 'OP_01HF7YAT000000000000000000', '__proto__']) {
      expect(isOperationId(other)).toBe(false);
    }
  });

  it('sort by time, and differ by every random bit', () => {
    fc.assert(
      fc.property(fc.nat(2 ** 40), fc.nat(1_000), bytes, bytes, (now, later, a, b) => {
        const first = operationId(now, () => a);
        expect(first < operationId(now + later + 1, () => b)).toBe(true);
        expect(first === operationId(now, () => b)).toBe(a.every((byte, i) => byte === b[i]));
      }),
    );
  });
});
