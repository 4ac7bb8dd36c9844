/** Stands in a path for the id that an earlier answer of the case told. */
export const EARLIER = '{earlier}';

/** One request of a case. */
export interface HostileRequest {
  readonly method: string;
  readonly path: string;
  /** Made when it is sent: bodies are large. @param earlier the id that an earlier answer of the case told first. */
  readonly body?: (earlier: string) => string | Uint8Array;
  /** Media type of the body, `application/json` unless given. */
  readonly type?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** What goes out as headers of a request. */
export function headersOf({ body, type = 'application/json', headers = {} }: HostileRequest): Record<string, string> {
  return body === undefined ? { ...headers } : { 'content-type': type, ...headers };
}

/** Requests that somebody sends to do harm, in order. */
export interface HostileCase {
  readonly family: string;
  readonly name: string;
  readonly requests: readonly HostileRequest[];
  /**
   * What becomes of the last request. `refused`: a client error with a code. `answered`: harmless after all, and a success; also a stream, which tells what is wrong inside.
   * `either`: depends on how much a machine does within the deadline.
   */
  readonly outcome: 'refused' | 'answered' | 'either';
}

export type SchemaLanguage = 'AVRO' | 'JSON' | 'PROTOBUF';

/** A body of the registry. */
export function schemaBody(text: string, schemaType: SchemaLanguage, more: object = {}): string {
  return JSON.stringify({ schema: text, schemaType, ...more });
}

export function registration(
  subject: string,
  text: () => string,
  schemaType: SchemaLanguage,
  more: object = {},
): HostileRequest {
  return {
    method: 'POST',
    path: `/subjects/${encodeURIComponent(subject)}/versions`,
    body: () => schemaBody(text(), schemaType, more),
  };
}

/** A case of one registration. */
export function registering(
  family: string,
  name: string,
  outcome: HostileCase['outcome'],
  schemaType: SchemaLanguage,
  text: () => string,
): HostileCase {
  return { family, name, outcome, requests: [registration(subjectOf(family, name), text, schemaType)] };
}

/** A case that registers one schema and checks another against it, at a level in both directions. */
export function comparing(
  family: string,
  name: string,
  outcome: HostileCase['outcome'],
  schemaType: SchemaLanguage,
  first: () => string,
  second: () => string,
): HostileCase {
  const subject = subjectOf(family, name);
  return {
    family,
    name,
    outcome,
    requests: [
      { method: 'PUT', path: `/config/${subject}`, body: () => '{"compatibility":"FULL_TRANSITIVE"}' },
      registration(subject, first, schemaType),
      {
        method: 'POST',
        path: `/compatibility/subjects/${subject}/versions?verbose=true`,
        body: () => schemaBody(second(), schemaType),
      },
      registration(subject, second, schemaType),
      {
        method: 'POST',
        path: '/v1/schemas:check',
        body: () => JSON.stringify({ subject, schema: second(), schemaType }),
      },
    ],
  };
}

/** A case that compares two schemas which are the same but for one word. */
export function differing(
  family: string,
  name: string,
  outcome: HostileCase['outcome'],
  schemaType: SchemaLanguage,
  [first, second]: readonly [string, string],
  text: (word: string) => string,
): HostileCase {
  return comparing(
    family,
    name,
    outcome,
    schemaType,
    () => text(first),
    () => text(second),
  );
}

/** A subject of the case's own. */
export function subjectOf(family: string, name: string): string {
  return `${family}-${name}`.replaceAll(/[^a-z0-9]+/gi, '-');
}

/** A number as Protobuf and Avro count: seven bits a byte, the lowest first. */
export function varint(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest = Math.floor(rest / 128)) {
    if (rest < 128) return [...bytes, rest];
    bytes.push((rest % 128) | 128);
  }
}

export function times<T>(count: number, make: (i: number) => T): T[] {
  return Array.from({ length: count }, (_, i) => make(i));
}

/** As many pieces as fit into so many characters, joined by commas. */
export function filled(characters: number, piece: (i: number) => string): string {
  const pieces: string[] = [];
  let length = 0;
  for (let i = 0; ; i++) {
    const one = piece(i);
    length += one.length + 1;
    if (length > characters) return pieces.join(',');
    pieces.push(one);
  }
}

/** A schema that is JSON, as text. */
export const asJson = (schema: unknown) => () => JSON.stringify(schema);

/** A little less than the longest text that is read. */
export const LONGEST = 1024 * 1024 - 1_000;

/** A topic of the case's own. */
export function topicRequest(name: string, config: Readonly<Record<string, string>> = {}): HostileRequest {
  return { method: 'POST', path: '/v1/topics', body: () => JSON.stringify({ name, partitions: 1, config }) };
}
