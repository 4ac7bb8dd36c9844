import { describe, expect, it } from 'vitest';
import { encodeBatch } from './batch-encoder.js';
import { validateForAppend } from './batch-validation.js';
import type { LogRecord } from './record.js';
import { brokenBatches } from './testing/contract/broken-batches.js';

const record = (key: string | null): LogRecord => ({
  key: key === null ? null : Buffer.from(key),
  value: Buffer.from('v'),
  headers: [],
  timestamp: 0,
});
const withCode = (code: string): unknown => expect.objectContaining({ code });

describe('validation before an append', () => {
  it.each(brokenBatches())('refuses a batch with %s', (_why, batch) => {
    expect(() => validateForAppend(batch)).toThrow(expect.objectContaining({ name: 'AppError', kind: 'invalid' }));
  });

  it('refuses a batch above the limit, naming limit and size', () => {
    const batch = encodeBatch([record('k')]);
    expect(validateForAppend(batch, { maxBytes: batch.length })).toMatchObject({ sizeBytes: batch.length });
    expect(() => validateForAppend(batch, { maxBytes: batch.length - 1 })).toThrow(
      expect.objectContaining({
        code: 'batch-too-large',
        details: { limit: batch.length - 1, measured: batch.length },
      }),
    );
  });

  it('refuses a null key where the topic is compacted, and takes an empty one', () => {
    const limits = { requireKeys: true };
    expect(() => validateForAppend(encodeBatch([record('k'), record(null)]), limits)).toThrow(
      withCode('invalid-batch'),
    );
    expect(validateForAppend(encodeBatch([record('k'), record('')]), limits).recordCount).toBe(2);
  });

  it('refuses producers and transactions where the writer must be anonymous', () => {
    const batch = encodeBatch([record('k')], { producer: { id: 1, epoch: 0, baseSequence: 0 } });
    expect(validateForAppend(batch).producerId).toBe(1);
    expect(() => validateForAppend(batch, { anonymous: true })).toThrow(withCode('invalid-batch'));
  });

  it('takes a wrong maxTimestamp, as brokers do', () => {
    expect(validateForAppend(encodeBatch([record('k')], { logAppendTime: true })).logAppendTime).toBe(true);
  });
});
