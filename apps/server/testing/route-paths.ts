import type { TableRoute } from '#libs/platform/http';

/** A path of the route with `name` for every parameter, except the cluster, which exists. */
export function pathOf(route: Pick<TableRoute, 'url'>, name = 'probe'): string {
  return route.url
    .replace(/(?<!:):(?!:)([a-zA-Z]+)(\([^)]*\))?/g, (_all, parameter: string) =>
      parameter === 'cluster' ? 'local' : name,
    )
    .replaceAll('::', ':')
    .replace('*', name);
}
