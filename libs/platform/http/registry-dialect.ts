import type { ConfluentDialect } from './confluent-api.js';

/** What registry clients know, in order of preference, with the weight the reference gives each (section 1.1 of the registry contract). */
export const CONFLUENT_TYPE = 'application/vnd.schemaregistry.v1+json';
const OFFERS: ConfluentDialect['offers'] = [
  [CONFLUENT_TYPE, 1],
  ['application/vnd.schemaregistry+json', 0.9],
  ['application/json', 0.5],
];

/** The schema registry's. */
export const REGISTRY_DIALECT: ConfluentDialect = {
  offers: OFFERS,
  takes: new Set([...OFFERS.map(([type]) => type), 'application/octet-stream']),
  errorName: 'RegistryError',
  untyped: new Set(['method-not-allowed']),
};
