/** Query parameters as Fastify parses them: a text, or several where the name was repeated. */
export type RawQuery = Readonly<Record<string, string | readonly string[] | undefined>>;

/** The value, the last one where it was repeated; undefined when absent. */
export function lastOf(query: RawQuery, name: string): string | undefined {
  const value = Object.hasOwn(query, name) ? query[name] : undefined;
  return typeof value === 'string' || value === undefined ? value : value.at(-1);
}
