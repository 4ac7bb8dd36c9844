import { execFileSync } from 'node:child_process';
import { describe, expect, it } from 'vitest';
import { keepTickObject } from './tick-objects.js';

/** Whether a tick object after two collections has the shape of the first one, by V8's own word; `gone` where nothing kept the first, so that nothing remembers its shape. */
const SHAPES = `
  const { createHook } = require('node:async_hooks');
  const keep = process.argv[1] === 'keep' ? [] : undefined;
  let tick;
  const hook = createHook({ init: (id, type, trigger, resource) => { if (type === 'TickObject') tick = resource; } });
  const shape = () => {
    hook.enable();
    process.nextTick(() => undefined);
    hook.disable();
    const own = tick;
    tick = undefined;
    return own;
  };
  const first = new WeakRef(shape());
  keep?.push(first.deref());
  setImmediate(() => {
    gc();
    setImmediate(() => {
      gc();
      console.log(first.deref() === undefined ? 'gone' : %HaveSameMap(first.deref(), shape()) ? 'same' : 'other');
    });
  });
`;

describe('one of Node’s tick objects', () => {
  it('is kept, once, and no hook stays behind', () => {
    expect(keepTickObject()).toBe(true);
    expect(keepTickObject()).toBe(true);
  });

  it.each([
    ['keep', 'same'],
    ['none', 'gone'],
  ])('has the shape of later ones while it is alive (%s: %s)', (which, seen) => {
    const flags = ['--expose-gc', '--allow-natives-syntax', '-e', SHAPES, which];
    expect(execFileSync(process.execPath, flags, { encoding: 'utf8' }).trim()).toBe(seen);
  });
});
