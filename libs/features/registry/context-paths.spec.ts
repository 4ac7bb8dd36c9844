import { describe, expect, it } from 'vitest';
import { contextNamed, rewriteRegistryUrl } from './context-paths.js';

describe('paths below a context', () => {
  it.each([
    ['/contexts/.dev/subjects/a/versions', '/subjects/%3A.dev%3Aa/versions'],
    ['/contexts/dev/subjects/a/versions', '/subjects/%3A.dev%3Aa/versions'],
    ['/contexts/:.dev:/subjects/a', '/subjects/%3A.dev%3Aa'],
    ['/contexts/%3A.dev%3A/subjects/a', '/subjects/%3A.dev%3Aa'],
    ['/contexts/.dev/subjects/a%2Fb/versions/1', '/subjects/%3A.dev%3Aa%2Fb/versions/1'],
    ['/contexts/.dev/subjects/:.other:x/versions', '/subjects/:.other:x/versions'],
    [
      '/contexts/.dev/compatibility/subjects/a/versions/?verbose=true',
      '/compatibility/subjects/%3A.dev%3Aa/versions/?verbose=true',
    ],
    ['/contexts/.dev/config', '/config/%3A.dev%3A'],
    ['/contexts/.dev/mode/a?force=true', '/mode/%3A.dev%3Aa?force=true'],
    ['/contexts/.dev/subjects', '/subjects?subjectPrefix=%3A.dev%3A'],
    ['/contexts/.dev/subjects?subjectPrefix=a&deleted=true', '/subjects?subjectPrefix=%3A.dev%3Aa&deleted=true'],
    ['/contexts/.dev/schemas?latestOnly=true', '/schemas?latestOnly=true&subjectPrefix=%3A.dev%3A'],
    ['/contexts/.dev/schemas/ids/1', '/schemas/ids/1?subject=%3A.dev%3A'],
    ['/contexts/.dev/schemas/ids/1/versions?subject=a', '/schemas/ids/1/versions?subject=%3A.dev%3Aa'],
    ['/contexts/.dev/schemas/types', '/schemas/types'],
    ['/contexts/.dev/schemas/guids/x', '/schemas/guids/x'],
    ['/contexts/.dev/contexts', '/contexts'],
    ['/contexts/.dev/v1/metadata/id', '/v1/metadata/id'],
    ['/contexts/.dev/associations/subjects/a', '/associations/subjects/%3A.dev%3Aa?context=.dev'],
  ])('%s is routed as %s', (url, expected) => {
    expect(rewriteRegistryUrl(url)).toBe(expected);
  });

  it.each([
    ['/subjects/a'],
    ['/contexts'],
    ['/contexts/.dev'],
    ['/contexts/.dev/'],
    ['/contexts/.dev/v1/topics'],
    ['/contexts/.dev/metrics'],
    ['/contexts/:.a:b/subjects'],
    ['/v1/topics/contexts/x/subjects'],
  ])('%s stays as it is', (url) => {
    expect(rewriteRegistryUrl(url)).toBe(url);
  });

  it('names contexts in every spelling, and none with a colon inside', () => {
    expect(['.a', 'a', ':.a:', ':a', '%7Bx', '..x', '%20'].map(contextNamed)).toEqual([
      '.a',
      '.a',
      '.a',
      '.a',
      '.{x',
      '..x',
      '. ',
    ]);
    expect(['a:b', ':.a:b', '%zz'].map(contextNamed)).toEqual([undefined, undefined, undefined]);
  });
});
