import type { z } from 'zod';

type Issue = z.core.$ZodIssue;

/**
 * Issues with those of unions told as what they are: zod only says that a value fits none of the alternatives. Where one of them is plainly meant, its issues
 * take the place of that, at their places; where none is, what the alternatives ask for is listed.
 */
export function toldIssues(issues: readonly Issue[]): readonly Issue[] {
  return issues.flatMap((issue) => {
    if (issue.code !== 'invalid_union' || issue.errors.length === 0) return [issue];
    return nearest(issue.errors.map(toldIssues)).map((inner) => {
      return { ...inner, path: [...issue.path, ...inner.path] };
    });
  });
}

/** The issues of the alternative that a value comes nearest to, or one issue that names all that are as near. */
function nearest(alternatives: readonly (readonly Issue[])[]): readonly Issue[] {
  const distances = alternatives.map((issues) => issues.reduce((sum, issue) => sum + distanceOf(issue), 0));
  const least = Math.min(...distances);
  const near = alternatives.filter((_, i) => distances[i] === least);
  if (near.length === 1 && least < OTHER_TYPE) return near[0]!.map((issue) => withAllValues(issue, alternatives));
  const asked = [...new Set(near.map(expectationOf))];
  return [{ code: 'custom', path: [], message: `Invalid input: expected ${asked.join(', or ')}`, input: undefined }];
}

/** Of a value that is of another type altogether. */
const OTHER_TYPE = 1_000;

function distanceOf(issue: Issue): number {
  if (issue.code === 'unrecognized_keys') return 3 * issue.keys.length;
  if (issue.path.length === 0 && (issue.code === 'invalid_type' || issue.code === 'invalid_value')) return OTHER_TYPE;
  if (issue.code === 'invalid_value') return 10;
  return isMissing(issue) ? 2 : 1;
}

function isMissing(issue: Issue): boolean {
  return issue.code === 'invalid_type' && issue.message.endsWith('received undefined');
}

/** A wrong constant, with what the other alternatives have in its place. */
function withAllValues(issue: Issue, alternatives: readonly (readonly Issue[])[]): Issue {
  if (issue.code !== 'invalid_value') return issue;
  const place = issue.path.join('/');
  const values = alternatives.flatMap((issues) =>
    issues.flatMap((other) => (other.code === 'invalid_value' && other.path.join('/') === place ? other.values : [])),
  );
  return { ...issue, message: `Invalid option: expected one of ${quoted([...new Set(values)])}` };
}

function quoted(values: readonly unknown[]): string {
  return values.map((value) => JSON.stringify(value)).join('|');
}

/** What an alternative asks for. */
function expectationOf(issues: readonly Issue[]): string {
  const [first] = issues;
  if (first === undefined) return 'something else';
  if (first.path.length === 0 && first.code === 'invalid_value') return `one of ${quoted(first.values)}`;
  if (first.path.length === 0)
    return first.message.replace(/^Invalid input: expected /, '').replace(/, received .*$/, '');
  const missing = issues.filter(isMissing).map((issue) => `'${issue.path.join('.')}'`);
  if (missing.length > 0) return `an object with ${missing.join(' and ')}`;
  return `${first.path.join('.')}: ${first.message}`;
}
