import { EventEmitter } from 'node:events';
import { MessageChannel } from 'node:worker_threads';
import { afterEach, describe, expect, it } from 'vitest';
import type { Thread } from '#libs/adapters/worker-threads';
import { ManualClock } from '#libs/core/kernel/testing';
import type { TransformInput, TransformOutcome, TransformProgram, TransformStep } from '#libs/core/streams';
import { TransformWorker } from './transform-worker.js';
import { WorkerTransforms } from './worker-transforms.js';

/** The worker's side of the conversation in this thread: everything but the thread is real. */
function threadInside(): Thread {
  const { port1, port2 } = new MessageChannel();
  new TransformWorker(port2);
  return {
    postMessage: (message) => port1.postMessage(message),
    on: (event: string, listener: (value: never) => void) => {
      if (event === 'message') port1.on('message', listener as (value: unknown) => void);
    },
    terminate: () => port1.close(),
  };
}

/** A thread that dies of records with a certain value, and of nothing else. */
class FragileThread extends EventEmitter implements Thread {
  constructor(private readonly poison: string) {
    super();
    setImmediate(() => this.emit('message', { ready: true }));
  }

  postMessage({ inputs }: { inputs: readonly TransformInput[] }): void {
    setImmediate(() => {
      if (inputs.some((one) => one.value === this.poison)) {
        this.emit('error', Object.assign(new Error('heap'), { code: 'ERR_WORKER_OUT_OF_MEMORY' }));
      } else {
        const outcomes = inputs.map(({ value, headers, timestamp }) => ({ kind: 'kept', value, headers, timestamp }));
        this.emit('message', { outcomes });
      }
    });
  }

  terminate(): void {
    // Nothing runs.
  }
}

const opened: WorkerTransforms[] = [];
afterEach(() => {
  for (const one of opened.splice(0)) one.close();
});

function open(start: () => Thread = threadInside): WorkerTransforms {
  const transforms = new WorkerTransforms({
    clock: new ManualClock(),
    threads: 1,
    deadlineMs: 2_000,
    heapBytes: 64 * 1024 * 1024,
    queueBytes: 1_000_000,
    start,
  });
  opened.push(transforms);
  return transforms;
}

const input = (value: string, more: Partial<TransformInput> = {}): TransformInput => ({
  value,
  key: '"k"',
  headers: [{ key: 'trace', value: Buffer.from('t1') }],
  timestamp: 1_700_000_000_000,
  partition: 3,
  offset: 42,
  ...more,
});
const program = (steps: TransformStep[], filter: string | null = null): TransformProgram => ({ filter, steps });
const done = async (made: TransformProgram, value: string): Promise<TransformOutcome> =>
  (await open().apply(made, [input(value)]))[0]!;
const set = (cel: string) => program([{ set: 'value.x', cel }]);
const shape = (expression: string) => program([{ shape: expression }]);

describe('CEL', () => {
  it.each([
    ['value.a + 1', '{"a":1}', '{"a":1,"x":2}'],
    ['value.a * 2.0', '{"a":1.5}', '{"a":1.5,"x":3}'],
    ['9007199254740993 + value.a', '{"a":0}', '{"a":0,"x":9007199254740993}'],
    ['value.a', '{"a":9223372036854775807}', '{"a":9223372036854775807,"x":9223372036854775807}'],
    ['has(value.b) ? value.b : "none"', '{"a":1}', '{"a":1,"x":"none"}'],
    ['key + "/" + headers.trace', '{}', '{"x":"k/t1"}'],
    ['[partition, offset, timestamp]', '{}', '{"x":[3,42,1700000000000]}'],
    ['value.l.map(one, one.n)', '{"l":[{"n":1},{"n":2}]}', '{"l":[{"n":1},{"n":2}],"x":[1,2]}'],
    ['{"a": value.a}', '{"a":null}', '{"a":null,"x":{"a":null}}'],
  ])('computes %s of %s', async (cel, value, expected) => {
    expect(await done(set(cel), value)).toMatchObject({ kind: 'kept', value: expected });
  });

  it('leaves records out by a condition', async () => {
    const large = program([], 'value.a > 5');
    const outcomes = await open().apply(
      large,
      ['{"a":9}', '{"a":5}', '{"a":5.5}'].map((one) => input(one)),
    );
    expect(outcomes.map((one) => one.kind)).toEqual(['kept', 'left-out', 'kept']);
  });

  it.each([
    ['value.b', 'transform-failed'],
    ['value.a / 0', 'transform-failed'],
    ['1', 'inexact-number', '{"a":123456789012345678901234567890}'],
    ['b"bytes"', 'transform-failed'],
  ])('has no answer for %s: %s', async (cel, failure, value = '{"a":1}') => {
    expect(await done(set(cel), value)).toMatchObject({ kind: 'failed', failure });
  });
});

describe('JSONata', () => {
  it.each([
    ['{"name": first & " " & last}', '{"first":"A","last":"B"}', '{"name":"A B"}'],
    ['items[price > 10].name', '{"items":[{"name":"a","price":20},{"name":"b","price":30}]}', '["a","b"]'],
    ['$merge([$, {"at": $fromMillis($timestamp)}])', '{"a":1}', '{"a":1,"at":"2023-11-14T22:13:20.000Z"}'],
    ['$ ~> |items|{"price": 0}|', '{"items":[{"price":1}]}', '{"items":[{"price":0}]}'],
    ['$key & $headers.trace', '{}', '"kt1"'],
  ])('shapes by %s', async (expression, value, expected) => {
    expect(await done(shape(expression), value)).toMatchObject({ kind: 'kept', value: expected });
  });

  it.each([
    '$now()',
    '$millis()',
    '$random()',
    '$shuffle([1,2])',
    '$eval("1")',
    '($f := $now; $f())',
    '$map([1], $eval)',
  ])('refuses %s, whose answer would not be the same each time or is made of data', async (expression) => {
    await expect(open().check(shape(expression))).rejects.toMatchObject({
      code: 'invalid-transform',
      message: expect.stringMatching(/\$(now|millis|random|shuffle|eval) cannot be used/) as string,
    });
  });

  it('would round some numbers, and does not', async () => {
    const outcome = await done(shape('$'), '{"n":12345678901234567890}');
    expect(outcome).toMatchObject({ kind: 'failed', failure: 'inexact-number' });
  });

  it.each([
    ['loops without an end', '($f := function($n){ $f($n + 1) }; $f(0))'],
    ['recursion that is too deep', '($f := function($n){ 1 + $f($n + 1) }; $f(0))'],
    ['lists that grow too long', '[1..5000000]'],
  ])('ends %s with a clear failure, and goes on with the next record', async (_, expression) => {
    const conditional = shape(`run ? ${expression} : "fine"`);
    const outcomes = await open().apply(conditional, [input('{"run":true}'), input('{"run":false}')]);
    expect(outcomes[0]!.kind).toBe('failed');
    expect(outcomes[1]).toMatchObject({ kind: 'kept', value: '"fine"' });
  });
});

describe('transforms in threads', () => {
  it.each([
    [set('value.'), 'value.'],
    [shape('{'), '{'],
    [program([], '1 +'), '1 +'],
  ])('say of what is no expression which it is', async (made, expression) => {
    await expect(open().check(made)).rejects.toMatchObject({ code: 'invalid-transform', details: { expression } });
  });

  it('blame the record that kills the thread, and no other', async () => {
    const transforms = open(() => new FragileThread('"heavy"'));
    const outcomes = await transforms.apply(
      program([]),
      ['"a"', '"heavy"', '"b"'].map((one) => input(one)),
    );
    expect(outcomes).toMatchObject([
      { kind: 'kept', value: '"a"' },
      { kind: 'failed', failure: 'transform-limit', message: expect.stringContaining('bytes of memory') as string },
      { kind: 'kept', value: '"b"' },
    ]);
  });

  it('fail for a retry when the service stops', async () => {
    const transforms = open();
    transforms.close();
    await expect(transforms.check(set('1'))).rejects.toMatchObject({
      code: 'transform-workers-closed',
      retryable: true,
    });
  });
});
