import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import type { AppError } from '#libs/core/kernel';
import { ManualClock } from '#libs/core/kernel/testing';
import { TokenAuthenticator, type TokenEntry } from './token-authenticator.js';

const entry = (id: string, token: string, more: Partial<TokenEntry> = {}): TokenEntry => ({
  id,
  sha256: createHash('sha256').update(token).digest(),
  roles: ['viewer'],
  ...more,
});

describe('tokens', () => {
  const clock = new ManualClock();
  const make = () =>
    new TokenAuthenticator(
      [entry('a', 'token-a', { roles: ['admin'] }), entry('b', 'token-b', { expiresAt: clock.now() + 1_000 })],
      clock,
    );
  const ask = (authenticator: TokenAuthenticator, authorization: string | undefined, address = '10.0.0.1') => {
    try {
      return authenticator.authenticate({ authorization, address }).id;
    } catch (error) {
      return (error as AppError).code;
    }
  };
  const basic = (text: string) => `Basic ${Buffer.from(text).toString('base64')}`;

  it('are taken as bearer, and as the password of basic authentication under any name', () => {
    const authenticator = make();
    expect(ask(authenticator, 'Bearer token-a')).toBe('a');
    expect(ask(authenticator, 'bearer token-a')).toBe('a');
    expect(ask(authenticator, basic('whoever:token-a'))).toBe('a');
    expect(ask(authenticator, basic(':token-a'))).toBe('a');
  });

  it('are refused in any other form', () => {
    const authenticator = make();
    const forms = [
      undefined,
      '',
      'Bearer',
      'Bearer ',
      'Bearer token-a extra',
      'Token token-a',
      'token-a',
      basic('token-a'),
      basic('token-a:'),
      'Basic %%%',
      `Bearer ${'x'.repeat(5_000)}`,
    ];
    for (const [index, form] of forms.entries())
      expect([form, ask(authenticator, form, `10.0.1.${index}`)]).toEqual([form, 'unauthenticated']);
  });

  it('end when they expire', () => {
    const authenticator = make();
    expect(ask(authenticator, 'Bearer token-b')).toBe('b');
    clock.advance(1_000);
    expect(ask(authenticator, 'Bearer token-b')).toBe('unauthenticated');
  });

  it('that are wrong are slowed down per address; valid ones and other addresses are not', () => {
    const authenticator = make();
    const outcomes = Array.from({ length: 12 }, () => ask(authenticator, 'Bearer wrong'));
    expect(outcomes).toEqual([...Array<string>(10).fill('unauthenticated'), 'too-many-attempts', 'too-many-attempts']);
    expect(ask(authenticator, 'Bearer token-a')).toBe('a');
    expect(ask(authenticator, 'Bearer wrong', '10.0.0.2')).toBe('unauthenticated');
    clock.advance(63_000);
    expect(ask(authenticator, 'Bearer wrong')).toBe('unauthenticated');
  });

  it('do not keep more addresses in memory than they may', () => {
    const authenticator = make();
    for (let number = 0; number < 30_000; number++) ask(authenticator, 'Bearer wrong', `a${number}`);
    for (let attempt = 0; attempt < 10; attempt++) ask(authenticator, 'Bearer wrong', 'a29999');
    expect(ask(authenticator, 'Bearer wrong', 'a29999')).toBe('too-many-attempts');
  });
});
