import { tracesOn } from './testing/index.js';
import { describe, expect, it } from 'vitest';
import { linkSignals } from './linked-signal.js';

describe('a linked signal', () => {
  it('aborts with the first of its signals, for the same reason, also with one that has aborted before', () => {
    const [one, two] = [new AbortController(), new AbortController()];
    const linked = linkSignals(one.signal, two.signal);
    expect(linked.signal.aborted).toBe(false);
    two.abort('two');
    one.abort('one');
    expect(linked.signal.reason).toBe('two');
    expect(linkSignals(two.signal).signal.reason).toBe('two');
  });

  it('follows nobody once it is unlinked, and takes nobody with it', () => {
    const one = new AbortController();
    const linked = linkSignals(one.signal);
    linked.unlink();
    one.abort();
    expect(linked.signal.aborted).toBe(false);
    linked.abort('own');
    expect(linked.signal.reason).toBe('own');
    const other = new AbortController();
    linkSignals(other.signal).abort();
    expect(other.signal.aborted).toBe(false);
  });

  it('leaves no trace on a signal that lives on, once it is unlinked: control, AbortSignal.any does', () => {
    const long = new AbortController().signal;
    for (let n = 0; n < 3; n++) linkSignals(long).unlink();
    expect(tracesOn(long)).toBe(0);
    AbortSignal.any([long, new AbortController().signal]);
    expect(tracesOn(long)).toBe(1);
  });
});
