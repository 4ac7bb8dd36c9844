import { describe, expect, it } from 'vitest';
import { checkTopicConfig, integerSetting, isCompacted, textSetting, TOPIC_SETTINGS } from './topic-config.js';

const ALL = [...TOPIC_SETTINGS.keys()];
const failure = (
  changes: Record<string, string | null>,
  supported = ALL,
): { message: string; hint?: string; items: unknown[] } => {
  try {
    checkTopicConfig(changes, supported);
  } catch (error) {
    return error as never;
  }
  throw new Error('it was taken');
};

describe('topic settings', () => {
  it('every default fits its own type', () => {
    for (const setting of TOPIC_SETTINGS.values()) {
      expect(() => checkTopicConfig({ [setting.name]: setting.default }, ALL)).not.toThrow();
    }
  });

  it.each([
    ['max.message.bytes', ['0', '1048588', '2147483647'], ['-1', '2147483648', '1e3', '', ' 1', '0x10', '1.5']],
    ['retention.ms', ['-1', '0', '604800000', '9223372036854775807'], ['-2', 'forever', '9223372036854775808']],
    ['min.insync.replicas', ['1', '3'], ['0']],
    [
      'cleanup.policy',
      ['delete', 'compact', 'compact,delete', 'delete, compact'],
      ['', 'compact,compact', 'Delete', 'drop'],
    ],
    ['min.cleanable.dirty.ratio', ['0', '0.5', '1'], ['1.1', '-0.1', '.5', 'NaN']],
    ['message.timestamp.type', ['CreateTime', 'LogAppendTime'], ['createtime']],
  ])('%s takes what it should and nothing else', (name, good, bad) => {
    for (const value of good) expect(() => checkTopicConfig({ [name]: value }, ALL), value).not.toThrow();
    for (const value of bad)
      expect(() => checkTopicConfig({ [name]: value }, ALL), value).toThrow(
        expect.objectContaining({ code: 'invalid-topic-config' }),
      );
  });

  it('a null unsets and needs no value, but a known key', () => {
    expect(() => checkTopicConfig({ 'retention.ms': null }, ALL)).not.toThrow();
    expect(failure({ 'retention.msec': null }).hint).toBe("Did you mean 'retention.ms'?");
  });

  it('tells a key nobody knows from one this engine does not act on', () => {
    expect(failure({ 'no.such': '1' }).message).toContain("'no.such' is not known");
    expect(failure({ 'retention.ms': '1' }, ['max.message.bytes']).message).toContain(
      'is not acted upon by this engine',
    );
  });

  it('names everything that is wrong at once', () => {
    const error = failure({ 'retention.ms': 'x', 'cleanup.polcy': 'compact', 'segment.ms': '5' });
    expect(error.items).toMatchObject([{ path: 'retention.ms' }, { path: 'cleanup.polcy' }]);
  });

  it('names the first 20 of what is wrong, and counts the rest', () => {
    const many = Object.fromEntries(Array.from({ length: 3_000 }, (_, i) => [`retention.m${i}`, 'x']));
    const error = failure({ 'retention.ms': '1', ...many });
    expect(error.message).toMatch(/^3000 topic settings are not valid\. The first 20 are named\. Topic setting/);
    expect(error.items).toHaveLength(20);
    expect(error.items[19]).toMatchObject({ path: 'retention.m19' });
    // Negative control: as many as are named are not counted apart.
    const few = failure(Object.fromEntries(Object.entries(many).slice(0, 20)));
    expect([few.items.length, few.message.includes('The first')]).toEqual([20, false]);
  });

  it('leaves the value of a key only the engine knows to the engine', () => {
    expect(() => checkTopicConfig({ 'broker.own': 'anything' }, ['broker.own'])).not.toThrow();
  });

  it('treats names of object members as the data they are', () => {
    expect(failure(JSON.parse('{"__proto__": "1"}') as never).message).toContain('__proto__');
    expect(failure({ constructor: '1' } as never).message).toContain('constructor');
  });

  it('answers the value in force', () => {
    expect(integerSetting({}, 'max.message.bytes')).toBe(1_048_588);
    expect(integerSetting({ 'retention.ms': '9223372036854775807' }, 'retention.ms')).toBe(Infinity);
    expect(integerSetting({ 'retention.ms': '-1' }, 'retention.ms')).toBe(-1);
    expect(textSetting({ 'cleanup.policy': 'compact' }, 'cleanup.policy')).toBe('compact');
    expect([isCompacted({}), isCompacted({ 'cleanup.policy': 'delete, compact' })]).toEqual([false, true]);
  });
});
