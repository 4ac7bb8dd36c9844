import { nearest, type JsonValue } from '#libs/core/kernel';
import { VIEW_LIMITS, type DeclarationForm } from './declaration-form.js';
import { placeOf, ROWS } from './table-shapes.js';
import { DEFAULT_TARGET, type ViewDefinition } from './view-definition.js';

/** The database that rows are to be kept in; whether there is one of this name is known to who opens it. */
export function readTarget(form: DeclarationForm, given: JsonValue | undefined): string {
  if (given === undefined) return DEFAULT_TARGET;
  if (typeof given === 'string' && /^[a-z0-9][a-z0-9_-]{0,62}$/.test(given)) return given;
  form.problem('/target', 'must be the name of a target in the configuration (views.targets)');
  return DEFAULT_TARGET;
}

/** Columns that rows are to be found by: `["cents", ["country", "cents"]]`. */
export function readIndexes(
  form: DeclarationForm,
  given: JsonValue | undefined,
  view: ViewDefinition,
): readonly (readonly string[])[] {
  if (given === undefined) return [];
  if (!Array.isArray(given) || given.length > VIEW_LIMITS.indexes) {
    form.problem('/indexes', `must be a list of at most ${VIEW_LIMITS.indexes} columns or lists of columns`);
    return [];
  }
  const indexes: (readonly string[])[] = [];
  given.forEach((one, number) => {
    const at = `/indexes/${number}`;
    const columns = typeof one === 'string' ? [one] : one;
    if (!Array.isArray(columns) || columns.length === 0 || columns.length > VIEW_LIMITS.indexColumns) {
      form.problem(at, `must be a column, or a list of 1 to ${VIEW_LIMITS.indexColumns} columns`);
      return;
    }
    const named = columns.filter((name): name is string => isIndexed(form, view, name, at));
    if (new Set(named).size < named.length) form.problem(at, 'has a column twice');
    if (named.length === columns.length) indexes.push(named);
  });
  return indexes;
}

function isIndexed(form: DeclarationForm, view: ViewDefinition, name: JsonValue, at: string): boolean {
  const column = view.columns.find((one) => one.name === name);
  if (column === undefined) {
    const close =
      typeof name === 'string'
        ? nearest(
            name,
            view.columns.map((one) => one.name),
          )
        : undefined;
    form.problem(at, `names no column${close === undefined ? '' : `; did you mean '${close}'?`}`);
    return false;
  }
  if (placeOf(view, column).table === ROWS) return true;
  form.problem(at, `'${column.name}' is joined when the view is asked, and has no place in an index`);
  return false;
}
