import { AppError } from '#libs/core/kernel';
import { parseFieldPath } from '../field-path.js';
import { KeyExpression } from '../repartition/key-expression.js';
import type { DerivationRequest } from './derivations.js';

/** Demands that what is asked for can be computed, whatever the source holds. @throws `invalid-field-path`, `invalid-key-expression`, `invalid-derivation` */
export function demandSound({
  kind,
  orderBy,
  deletes,
  merge,
  key,
  onConflict,
  schemaVersion,
}: DerivationRequest): void {
  const path = orderBy.by === 'field' ? parseFieldPath(orderBy.path) : undefined;
  if (key) {
    KeyExpression.parse(key.expr);
    if (kind !== 'latest')
      throw unsound('key', 'Another key is for a latest stream: versions are numbered in the order of one partition.');
    if (orderBy.by === 'offset')
      throw unsound(
        'orderBy',
        'Records with one new key come from several partitions, whose offsets do not tell which is newer; order by timestamp, field or header.',
      );
    if (path?.root === 'key')
      throw unsound('orderBy.path', 'With another key the version is told by the value; begin the path with value.');
    if (onConflict === 'dlq')
      throw unsound(
        'onConflict',
        'Which of two records is the second one depends on how partitions are read; choose last, first or fail.',
      );
  }
  if (deletes && parseFieldPath(deletes.path).root !== 'value')
    throw unsound('deletes.path', 'A deletion is told by a field of the value; begin the path with value.');
  if (!merge) return;
  if (schemaVersion !== undefined && schemaVersion !== null)
    throw unsound(
      'schemaVersion',
      'A value that says a part of the state would be filled up with the defaults of the schema, which would then replace what is known; leave merge or schemaVersion out.',
    );
  if (kind !== 'latest')
    throw unsound('merge', 'Values are merged in a latest stream only; derive the versions of it.');
  if (orderBy.by !== 'offset')
    throw unsound(
      'merge',
      'What partial values add up to depends on their order; merge goes with orderBy offset only.',
    );
}

function unsound(member: string, why: string): AppError {
  return new AppError({
    kind: 'invalid',
    code: 'invalid-derivation',
    message: `There is no such derivation: ${why}`,
    details: { member },
  });
}
