import { describe, expect, it } from 'vitest';
import type { AppError } from '#libs/core/kernel';
import * as errors from './errors.js';

const ID = 'op_00000000000000000000000001';

/** Each refusal of the engine with what it must name, as somebody is told it who asked for something. */
const REFUSALS: Readonly<Record<keyof typeof errors, readonly [error: AppError, ...named: string[]]>> = {
  kindUnknown: [errors.kindUnknown('move', ['migration', 'repartition']), 'move', 'repartition'],
  planNotFound: [errors.planNotFound('abc'), 'abc', 'make it again'],
  operationNotFound: [errors.operationNotFound(ID), ID, 'GET /v1/operations'],
  planStale: [
    errors.planStale('abc', [
      { path: '/partitions', planned: 6, now: 12 },
      { path: '/schemas/orders-value', planned: null, now: 3 },
      { path: '', planned: 'x'.repeat(300), now: {} },
    ]),
    ...['partitions was 6, is 12', 'schemas/orders-value was null, is 3', 'everything was "xx', 'Make the plan again'],
  ],
  planBlocked: [errors.planBlocked('abc', ['group g is live', 'no room']), 'group g is live; no room', 'Remove'],
  subjectBusy: [
    errors.subjectBusy('topic:local/orders', { id: ID, kind: 'repartition', state: 'READY' }),
    ...['topic:local/orders', ID, 'repartition, READY', `/v1/operations/${ID}`, 'cancel it'],
  ],
  idempotencyKeyReused: [errors.idempotencyKeyReused(ID), ID, 'fresh key'],
  wrongState: [
    errors.wrongState(ID, 'finish', 'READY', 'in SWITCHED', 'Cut over.'),
    ID,
    'READY',
    'in SWITCHED',
    'finish',
  ],
  notPossible: [errors.notPossible(ID, 'approve', 'it needs none', 'It starts.', 'x'), ID, 'approve', 'it needs none'],
  operationContended: [errors.operationContended(ID), ID, 'ask again'],
  operationBlocked: [errors.operationBlocked('Group g is live.', 'Stop it.'), 'Group g is live.', 'Stop it.'],
};

describe('what the operation engine refuses', () => {
  it.each(Object.entries(REFUSALS))('%s says what is in the way and what to do', (_, [error, ...named]) => {
    const told = `${error.message}\n${error.hint ?? ''}`;
    for (const one of named) expect(told).toContain(one);
    expect(error.hint).toMatch(/\.$/);
    expect(error.message).toMatch(/\.$/);
    // Long values do not bury what moved.
    expect(error.message.length).toBeLessThan(400);
  });

  it('every one of them is looked at here', () => {
    expect(Object.keys(REFUSALS).sort()).toEqual(Object.keys(errors).sort());
  });
});
