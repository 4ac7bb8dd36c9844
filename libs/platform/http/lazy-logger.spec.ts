import { pino } from 'pino';
import { describe, expect, it } from 'vitest';
import { LazyLogger } from './lazy-logger.js';

/** A logger that counts its children, and the lines it wrote. */
function counted() {
  const lines: Record<string, unknown>[] = [];
  const root = pino(
    { level: 'info', base: undefined },
    { write: (line) => void lines.push(JSON.parse(line) as never) },
  );
  const made: unknown[] = [];
  const { child } = root;
  root.child = function (this: typeof root, ...parameters: Parameters<typeof child>) {
    made.push(parameters[0]);
    return child.apply(this, parameters);
  } as typeof child;
  return { root, lines, made };
}

describe('the logger of a request', () => {
  it('is not made while nothing is written', () => {
    const { root, made } = counted();
    const logger = new LazyLogger(root, { request_id: 'a' });
    expect(logger.level).toBe('info');
    expect(made).toEqual([]);
  });

  it('is made once, and its lines carry what it is bound to', () => {
    const { root, lines, made } = counted();
    const logger = new LazyLogger(root, { request_id: 'a' });
    logger.error({ code: 'x' }, 'first');
    logger.warn('second');
    logger.info({ n: 3 }, 'third');
    logger.debug('not at this level');
    expect(made).toEqual([{ request_id: 'a' }]);
    expect(lines).toMatchObject([
      { level: 50, request_id: 'a', code: 'x', msg: 'first' },
      { level: 40, request_id: 'a', msg: 'second' },
      { level: 30, request_id: 'a', n: 3, msg: 'third' },
    ]);
    expect(lines).toHaveLength(3);
  });

  it('hands on to its children what it is bound to', () => {
    const { root, lines } = counted();
    new LazyLogger(root, { request_id: 'a' }).child({ part: 'b' }).info('of both');
    expect(lines).toMatchObject([{ request_id: 'a', part: 'b', msg: 'of both' }]);
  });

  it('keeps to the options of its route', () => {
    const { root, lines } = counted();
    const logger = new LazyLogger(root, { request_id: 'a' }, { level: 'error' });
    logger.info('below');
    logger.error('at the level of the route');
    expect(lines).toMatchObject([{ msg: 'at the level of the route' }]);
  });
});
