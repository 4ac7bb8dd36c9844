import { type FieldPath, parseFieldPath } from '../field-path.js';
import { KeyExpression } from '../repartition/key-expression.js';
import type { DerivationDefinition } from './derivation.js';

/** The fields of values that a stream goes by: for its order, its deletions and its keys. @throws `invalid-field-path`, `invalid-key-expression`. */
export function fieldsOfValues({
  orderBy,
  deletes,
  key,
}: Pick<DerivationDefinition, 'orderBy' | 'deletes' | 'key'>): readonly FieldPath[] {
  const paths = [
    ...(orderBy.by === 'field' ? [parseFieldPath(orderBy.path)] : []),
    ...(deletes ? [parseFieldPath(deletes.path)] : []),
    ...(key ? KeyExpression.parse(key.expr).fields : []),
  ];
  return paths.filter(({ root }) => root === 'value');
}
