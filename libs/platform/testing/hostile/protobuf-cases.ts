import { comparing, differing, LONGEST, registering, times, varint, type HostileCase } from './hostile-case.js';

const file = (...lines: string[]) => `syntax = "proto3";\n${lines.join('\n')}\n`;
const base64 = (...bytes: (number | number[])[]) => Buffer.from(bytes.flat()).toString('base64');
const nested = (levels: number, leaf: string) => file('message M { '.repeat(levels) + leaf + ' }'.repeat(levels));
const messages = (count: number, body: (i: number) => string) =>
  file(...times(count, (i) => `message M${i} { ${body(i)} }`));

/** Lines of one kind, as many as a text may have. */
const long =
  (line: (i: number) => string, around: (lines: string) => string = (lines) => lines) =>
  () => {
    const lines: string[] = [];
    for (let i = 0, length = 200; length < LONGEST; i++) {
      lines.push(line(i));
      length += lines.at(-1)!.length + 1;
    }
    return around(lines.join('\n'));
  };

export const PROTOBUF_CASES: readonly HostileCase[] = [
  registering('protobuf size', 'messages ten thousand deep', 'refused', 'PROTOBUF', () => nested(10_000, '')),
  registering('protobuf size', 'messages thirty deep', 'answered', 'PROTOBUF', () => nested(30, 'int32 a = 1;')),
  registering(
    'protobuf size',
    'groups a thousand deep',
    'refused',
    'PROTOBUF',
    () =>
      `syntax = "proto2";\nmessage M { ${times(1_000, (i) => `optional group G${i} = 1 { `).join('')}${' }'.repeat(1_000)} }`,
  ),
  registering(
    'protobuf size',
    'fields',
    'either',
    'PROTOBUF',
    long(
      (i) => `int32 f${i} = ${i + 1};`,
      (lines) => file(`message M { ${lines} }`),
    ),
  ),
  registering(
    'protobuf size',
    'messages',
    'either',
    'PROTOBUF',
    long((i) => `message M${i} {}`, file),
  ),
  registering(
    'protobuf size',
    'constants',
    'either',
    'PROTOBUF',
    long(
      (i) => `C${i} = ${i};`,
      (lines) => file(`enum E { ${lines} }`),
    ),
  ),
  registering(
    'protobuf size',
    'options',
    'either',
    'PROTOBUF',
    long((i) => `option (o${i}) = ${i};`, file),
  ),
  registering('protobuf size', 'options that nest', 'either', 'PROTOBUF', () =>
    file(`option (o) = ${'{ a: '.repeat(50_000)}1${' }'.repeat(50_000)};`),
  ),
  registering('protobuf size', 'lists in options that nest', 'either', 'PROTOBUF', () =>
    file(`option (o) = { a: ${'['.repeat(100_000)}1${']'.repeat(100_000)} };`),
  ),
  registering(
    'protobuf size',
    'imports',
    'refused',
    'PROTOBUF',
    long(
      (i) => `import "a${i}.proto";`,
      (lines) => file(lines, 'message M { Missing m = 1; }'),
    ),
  ),
  registering(
    'protobuf size',
    'reserved ranges',
    'either',
    'PROTOBUF',
    long(
      (i) => `reserved ${i * 2 + 1};`,
      (lines) => file(`message M { ${lines} }`),
    ),
  ),
  registering(
    'protobuf size',
    'oneofs',
    'either',
    'PROTOBUF',
    long(
      (i) => `oneof o${i} { int32 f${i} = ${i + 1}; }`,
      (lines) => file(`message M { ${lines} }`),
    ),
  ),
  registering(
    'protobuf size',
    'methods',
    'either',
    'PROTOBUF',
    long(
      (i) => `rpc R${i} (M) returns (M);`,
      (lines) => file('message M {}', `service S { ${lines} }`),
    ),
  ),
  registering(
    'protobuf size',
    'extensions',
    'either',
    'PROTOBUF',
    long(
      (i) => `extend M { optional int32 e${i} = ${i + 100}; }`,
      (lines) => `syntax = "proto2";\nmessage M { extensions 100 to max; }\n${lines}`,
    ),
  ),
  registering(
    'protobuf size',
    'comments',
    'either',
    'PROTOBUF',
    long(
      () => '/* a */ // b',
      (lines) => file(lines, 'message M {}'),
    ),
  ),
  registering('protobuf size', 'a comment without end', 'refused', 'PROTOBUF', () => file(`/*${'*'.repeat(900_000)}`)),
  registering('protobuf size', 'a string without end', 'refused', 'PROTOBUF', () =>
    file(`import "${'a'.repeat(900_000)}`),
  ),
  registering('protobuf size', 'strings side by side', 'either', 'PROTOBUF', () =>
    file(`option java_package = ${'"a" '.repeat(200_000)};`, 'message M {}'),
  ),
  registering('protobuf size', 'a package of a hundred thousand names', 'either', 'PROTOBUF', () =>
    file(`package ${times(100_000, () => 'a').join('.')};`, 'message M { M m = 1; }'),
  ),
  registering('protobuf size', 'a type name of a hundred thousand names', 'refused', 'PROTOBUF', () =>
    file(`message M { ${times(100_000, () => 'a').join('.')} m = 1; }`),
  ),
  registering('protobuf size', 'names looked for in vain', 'refused', 'PROTOBUF', () =>
    file(
      `package ${times(200, (i) => `p${i}`).join('.')};`,
      `message M { ${times(5_000, (i) => `.p0.Missing${i} f${i} = ${i + 1};`).join(' ')} }`,
    ),
  ),

  registering('protobuf recursion', 'a message of itself', 'answered', 'PROTOBUF', () =>
    file('message M { M m = 1; repeated M ms = 2; map<string, M> mm = 3; }'),
  ),
  registering('protobuf recursion', 'mutual', 'answered', 'PROTOBUF', () =>
    file('message A { B b = 1; } message B { A a = 1; }'),
  ),
  registering('protobuf recursion', 'an import of itself', 'either', 'PROTOBUF', () =>
    file('import "self.proto";', 'message M {}'),
  ),
  differing('protobuf recursion', 'diamonds', 'either', 'PROTOBUF', ['int32', 'string'], (word) =>
    messages(30, (i) => (i === 0 ? `${word} v = 1;` : `M${i - 1} l = 1; M${i - 1} r = 2;`)),
  ),
  differing('protobuf recursion', 'a tangle', 'either', 'PROTOBUF', ['int32', 'string'], (word) =>
    messages(120, (i) => times(60, (j) => `M${(i + j) % 120} f${j} = ${j + 1};`).join(' ') + ` ${word} v = 100;`),
  ),
  differing('protobuf combinatorics', 'every field differs', 'either', 'PROTOBUF', ['int32', 'string'], (word) =>
    messages(60, () => times(200, (j) => `${word} f${j} = ${j + 1};`).join(' ')),
  ),
  comparing(
    'protobuf combinatorics',
    'oneofs that moved',
    'either',
    'PROTOBUF',
    () => file(`message M { ${times(2_000, (j) => `int32 f${j} = ${j + 1};`).join(' ')} }`),
    () =>
      file(
        `message M { ${times(1_000, (j) => `oneof o${j} { int32 f${j * 2} = ${j * 2 + 1}; int32 f${j * 2 + 1} = ${j * 2 + 2}; }`).join(' ')} }`,
      ),
  ),

  ...['a"b', '`${1}`', 'process.exit()', "a'b", '..', '', '\0', '\u202e', '1a'].map((name, i) =>
    registering('protobuf names', `code and dirt ${i}`, 'either', 'PROTOBUF', () => file(`message ${name} {}`)),
  ),
  registering('protobuf names', 'prototypes', 'answered', 'PROTOBUF', () =>
    file('message constructor { int32 __proto__ = 1; int32 toString = 2; int32 hasOwnProperty = 3; }'),
  ),
  registering('protobuf names', 'code in strings', 'answered', 'PROTOBUF', () =>
    file('option java_package = "\\");process.exit();(\\"";', 'message M {}'),
  ),
  registering('protobuf outbound', 'imports by address', 'refused', 'PROTOBUF', () =>
    file('import "http://127.0.0.1:PORT/a.proto";', 'message M { a.B b = 1; }'),
  ),
  registering('protobuf outbound', 'imports by path', 'refused', 'PROTOBUF', () =>
    file('import "/etc/passwd";', 'import "../../../etc/passwd";', 'message M { a.B b = 1; }'),
  ),
  ...['0', '-1', '536870912', '99999999999999999999', '1e400', '0x7fffffffffffffff', '1.5', '19000'].map((number, i) =>
    registering('protobuf numbers', `tag ${i}`, 'either', 'PROTOBUF', () => file(`message M { int32 a = ${number}; }`)),
  ),

  registering('protobuf descriptor', 'noise', 'refused', 'PROTOBUF', () =>
    base64(times(3_000, (i) => (i * 7919) & 255)),
  ),
  registering('protobuf descriptor', 'a length of two gigabytes', 'refused', 'PROTOBUF', () =>
    base64([0x0a, 0xff, 0xff, 0xff, 0xff, 0x07, 0x61]),
  ),
  registering('protobuf descriptor', 'a varint without end', 'either', 'PROTOBUF', () =>
    base64(times(100, () => 0xff)),
  ),
  registering('protobuf descriptor', 'messages a thousand deep', 'refused', 'PROTOBUF', () =>
    Buffer.from(descriptorOf(1_000)).toString('base64'),
  ),
  registering('protobuf descriptor', 'groups without end', 'refused', 'PROTOBUF', () =>
    base64(times(200_000, () => 0x0b)),
  ),
];

/** A file descriptor whose message holds a message, so often. */
function descriptorOf(levels: number): number[] {
  let message = [0x0a, 1, 0x4d];
  for (let i = 0; i < levels; i++) message = [0x0a, 1, 0x4d, 0x1a, ...varint(message.length), ...message];
  return [0x0a, 1, 0x66, 0x22, ...varint(message.length), ...message];
}
