import type { Router } from '../copy/router.js';
import type { CopyPlace } from '../generations/kind.js';
import type { RecordDecoder } from '../record-decoder.js';
import type { Verifier } from '../verify/verification.js';
import { KeyExpression } from './key-expression.js';
import type { RepartitionParameters } from './parameters.js';
import { RowMemory, turnedRound } from './row-memory.js';
import { KeyRouter, RekeyRouter, type RekeyRules } from './routers.js';
import { TableProfiler } from './table-profile.js';
import { TableRouter } from './table-router.js';
import { TableVerifier } from './table-verifier.js';

/** The router of a repartition. */
export function routerOf(parameters: RepartitionParameters, decoder: RecordDecoder, place: CopyPlace): Router {
  const { source, target, key } = parameters;
  const rules = {
    sources: source.partitions,
    targets: target.partitions,
    partitioner: parameters.partitioner,
    nullKeys: parameters.nullKeys,
  };
  if (key === null || key === undefined) return new KeyRouter(rules);
  if (key.semantics === 'table') {
    const table = { ...rulesOf(parameters, decoder, 'there'), source: place.source };
    return new TableRouter(rules, table, new RowMemory(place.memory));
  }
  const { topic, onMissing, tombstones } = { ...parameters, ...key };
  const expression = KeyExpression.parse(key.expr);
  return new RekeyRouter(rules, { topic, expression, decoder, onMissing, tombstones });
}

/** The router that a plan looks at records with. */
export function profilerOf(parameters: RepartitionParameters, decoder: RecordDecoder, place: CopyPlace): Router {
  const { source, target, key, partitioner, nullKeys } = parameters;
  if (key?.semantics !== 'table') return routerOf(parameters, decoder, place);
  const rules = { sources: source.partitions, targets: target.partitions, partitioner, nullKeys };
  const table = { ...rulesOf(parameters, decoder, 'there'), source: place.source };
  return new TableProfiler(rules, table, new RowMemory(place.memory), key.back, decoder);
}

/** The router of the way back. Where the key did not change it alone says where a record was; a table is given its present keys again. */
export function routerBack(parameters: RepartitionParameters, decoder: RecordDecoder, place: CopyPlace): Router {
  const { source, target, key } = parameters;
  const rules = {
    sources: target.partitions,
    targets: source.partitions,
    partitioner: parameters.sourcePartitioner,
    nullKeys: parameters.nullKeys,
  };
  if (key?.semantics !== 'table') return new KeyRouter({ ...rules, nullKeys: 'spread' });
  // There are no dead letters on the way back: what is no row stays where it is.
  if (rules.nullKeys === 'dlq') rules.nullKeys = 'drop';
  const table = { ...rulesOf(parameters, decoder, 'back'), source: place.source, elsewhere: place.target };
  const first = place.memoryThere && turnedRound.bind(undefined, place.memoryThere);
  return new TableRouter(rules, table, new RowMemory(place.memory, first));
}

/** A table is computed anew on either way; anything else is compared with what its copy noted. */
export function verifierOf(
  parameters: RepartitionParameters,
  decoder: RecordDecoder,
  { source, target, memory }: CopyPlace,
  way: 'there' | 'back',
  inner: Verifier,
  positions: () => readonly number[],
): Verifier {
  if (parameters.key?.semantics !== 'table') return inner;
  const rules = rulesOf(parameters, decoder, way);
  const shared = way === 'there' ? (parameters.key.shared ?? 'fail') : 'newest';
  return new TableVerifier(inner, { source, target, positions, rules, shared, seed: memory.topic });
}

function rulesOf(
  { topic, key }: RepartitionParameters,
  decoder: RecordDecoder,
  way: 'there' | 'back',
): Omit<RekeyRules, 'tombstones'> {
  const expression = KeyExpression.parse((way === 'there' ? key?.expr : key?.back) ?? 'key');
  // A row that has no key on the old side closes the way back.
  return { topic, expression, decoder, onMissing: way === 'there' ? (key?.onMissing ?? 'fail') : 'fail' };
}
