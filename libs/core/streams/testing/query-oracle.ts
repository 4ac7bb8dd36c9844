/** A row of the oracle: columns id, n, x, ok and tag. */
export type OracleRow = Readonly<Record<string, string | number | boolean | null>>;

/** True, false, or unknown, as SQL has it. */
type Truth = boolean | null;

/** Rows that meet a filter as PostgREST writes it, in order: the meaning of a query, written down without any database. */
export function oracleRows(
  rows: readonly OracleRow[],
  filter: string | undefined,
  order: readonly string[],
): OracleRow[] {
  const kept = filter === undefined ? [...rows] : rows.filter((row) => truthOf(filter, row) === true);
  const terms = order.map((term) => {
    const [column, ...words] = term.split('.');
    return { column: column!, sign: words.includes('desc') ? -1 : 1, nullsFirst: words.includes('nullsfirst') };
  });
  return kept.sort((a, b) => {
    for (const { column, sign, nullsFirst } of terms) {
      const [left, right] = [a[column]!, b[column]!];
      if (left === null && right === null) continue;
      if (left === null || right === null) return (left === null) === nullsFirst ? -1 : 1;
      const compared = compare(left, right);
      if (compared !== 0) return compared * sign;
    }
    return compare(a['id']!, b['id']!) * (terms.at(-1)?.sign ?? 1);
  });
}

function truthOf(filter: string, row: OracleRow): Truth {
  const group = /^(not\.)?(and|or)\((.*)\)$/s.exec(filter);
  if (group !== null) {
    const truths = split(group[3]!).map((one) => truthOf(one, row));
    const decisive = group[2] === 'or';
    const all = truths.includes(decisive) ? decisive : truths.includes(null) ? null : !decisive;
    return group[1] === undefined ? all : negated(all);
  }
  const [, column, not, operator, value] = /^([a-z]+)\.(not\.)?([a-z]+)\.(.*)$/s.exec(filter)!;
  const truth = compared(row[column!]!, operator!, value!);
  return not === undefined ? truth : negated(truth);
}

const negated = (truth: Truth): Truth => (truth === null ? null : !truth);

function compared(cell: string | number | boolean | null, operator: string, text: string): Truth {
  if (operator === 'is') return text === 'null' ? cell === null : cell === (text === 'true');
  if (operator === 'in' && text === '()') return false;
  if (cell === null) return null;
  const value = (one: string): string | number => (typeof cell === 'number' ? Number(one) : one);
  switch (operator) {
    case 'in':
      return text
        .slice(1, -1)
        .split(',')
        .some((one) => value(one) === cell);
    case 'like':
      return new RegExp(
        `^${[...text.matchAll(/\\(.)|(.)/gsu)].map(([, escaped, plain]) => (escaped !== undefined ? escaped : plain === '*' ? '.*' : plain === '_' ? '.' : plain)).join('')}$`,
        'su',
      ).test(String(cell));
    default: {
      const by = compare(cell, value(text));
      return { eq: by === 0, neq: by !== 0, gt: by > 0, gte: by >= 0, lt: by < 0, lte: by <= 0 }[operator]!;
    }
  }
}

/** Texts by their bytes, as both databases compare them. */
function compare(a: string | number | boolean, b: string | number | boolean): number {
  if (typeof a === 'string') return Buffer.compare(Buffer.from(a), Buffer.from(String(b)));
  return Number(a) - Number(b);
}

/** The members of a group; commas inside parentheses do not separate them. */
function split(text: string): string[] {
  const members = [''];
  let depth = 0;
  for (const character of text) {
    if (character === '(') depth++;
    if (character === ')') depth--;
    if (character === ',' && depth === 0) members.push('');
    else members[members.length - 1] += character;
  }
  return members;
}
