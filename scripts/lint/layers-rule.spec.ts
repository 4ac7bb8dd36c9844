import { describe, expect, it } from 'vitest';
import { violation } from './layers-rule.js';

describe('layer rules', () => {
  it('let imports point downward', () => {
    expect(violation('libs/features/views/x.ts', '#libs/core/streams')).toBeUndefined();
    expect(violation('libs/core/streams/a/b.ts', '../c.js')).toBeUndefined();
    expect(violation('apps/server/main.ts', '#libs/adapters/log-embedded')).toBeUndefined();
  });

  it.each([
    ['libs/core/log/x.ts', '#libs/core/schema'],
    ['libs/features/views/x.ts', '#libs/features/topics'],
    ['libs/features/views/x.ts', '#libs/adapters/views-sql'],
    ['libs/adapters/log-kafka/x.ts', '#libs/adapters/store-sql'],
    ['libs/core/log/x.ts', '../kernel/index.js'],
    ['libs/core/log/x.ts', 'node:fs'],
    ['libs/core/log/x.ts', 'node:fs/promises'],
    ['libs/core/streams/x.ts', '@nestjs/common'],
    ['libs/platform/http/x.ts', '#libs/features/topics'],
    ['apps/cli/x.ts', '#libs/platform/http'],
  ])('refuse that %s imports %s, with a reason', (file, specifier) => {
    expect(violation(file, specifier)).toMatch(/: .{20,}/);
  });
});
