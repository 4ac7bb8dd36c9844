import type { ConfluentDialect } from '#libs/platform/http';
import { RestProxyErrors } from './errors.js';

const JSON_TYPE = 'application/json';
export const V2_TYPE = 'application/vnd.kafka.v2+json';

/** How keys and values stand in v2 requests and answers; the first is meant where nothing is said. */
export const EMBEDDED_FORMATS = ['binary', 'json', 'avro', 'jsonschema', 'protobuf'] as const;
export type EmbeddedFormat = (typeof EMBEDDED_FORMATS)[number];

export function embeddedType(format: EmbeddedFormat): string {
  return `application/vnd.kafka.${format}.v2+json`;
}

/** The format a media type stands for; undefined for one that is none of the five. */
export function formatOfType(header: string): EmbeddedFormat | undefined {
  const type = header.split(';', 1)[0]!.trim().toLowerCase();
  return EMBEDDED_FORMATS.find((format) => embeddedType(format) === type);
}

const EMBEDDED_TYPES = EMBEDDED_FORMATS.map(embeddedType);
const shared = {
  refusalType: JSON_TYPE,
  errorName: 'RestProxyError',
  untyped: new Set(['route-not-found', 'method-not-allowed', 'not-acceptable']),
  errors: new RestProxyErrors(),
} as const satisfies Partial<ConfluentDialect>;

/** Section 1.1 of the contract: v3 is plain JSON both ways; calls without a body look at no type. */
export const V3: ConfluentDialect = { ...shared, offers: [[JSON_TYPE, 1]], takes: null };
export const V3_BODY: ConfluentDialect = { ...V3, takes: new Set([JSON_TYPE]) };

/** v2: one type for answers. */
export const V2: ConfluentDialect = { ...shared, offers: [[V2_TYPE, 1]], takes: null };
/** The type of a body to produce says how keys and values stand in it. */
export const V2_PRODUCE: ConfluentDialect = { ...V2, takes: new Set(EMBEDDED_TYPES) };
/** Consumer calls take the types of formats, too, so that a client can send one type with all of them. */
export const V2_CONSUMER: ConfluentDialect = { ...V2, takes: new Set([V2_TYPE, ...EMBEDDED_TYPES]) };
/** The type of an answer with records says how keys and values stand in it. */
export const V2_RECORDS: ConfluentDialect = {
  ...V2_CONSUMER,
  offers: EMBEDDED_TYPES.map((type, place) => [type, 1 - place / 100]),
};
