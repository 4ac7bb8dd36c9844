import { describe, expect, it } from 'vitest';
import { csvLine, formatOf } from './rows-formats.js';

describe('the format of rows', () => {
  it.each([
    [undefined, 'json'],
    ['', 'json'],
    ['*/*', 'json'],
    ['text/csv', 'csv'],
    ['text/csv;q=0.5, application/x-ndjson', 'lines'],
    ['application/json;q=0, text/csv', 'csv'],
    ['TEXT/CSV; header=present', 'csv'],
    ['image/png, */*;q=0.1', 'json'],
  ])('for Accept %j is %s', (accept, format) => expect(formatOf(accept)).toBe(format));

  it('is refused when none can be sent', () => {
    expect(() => formatOf('image/png, text/csv;q=0')).toThrow(/media types in Accept/);
  });

  it('puts in quotes what a reader of CSV would take apart, trim, or take for null', () => {
    expect(csvLine([null, '', 'a', 'a,b', 'a"b', ' a', 'a\n', 0, false, ['x'], { a: 'b' }])).toBe(
      ',"",a,"a,b","a""b"," a","a\n",0,false,"[""x""]","{""a"":""b""}"\r\n',
    );
  });
});
