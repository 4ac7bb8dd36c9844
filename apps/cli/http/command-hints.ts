/*
 * The service speaks to whoever calls it over HTTP, and names HTTP calls where it says what to do next. Whoever uses the command line is told the command instead. This is the only place that knows which
 * call is which command; a call that no command makes is made by `weir api`.
 */

/** A call of the service, and the command that makes it: `$1` is the first part that the pattern leaves open. */
interface KnownCall {
  readonly method: string;
  /** Whole path without query. */
  readonly path: RegExp;
  readonly command: string;
}

const NAME = '([^/:\\s]+)';
const known = (method: string, path: string, command: string): KnownCall => {
  return { method, path: new RegExp(`^${path.replaceAll('*', NAME)}$`), command };
};

const KNOWN: readonly KnownCall[] = [
  known('GET', '/v1/operations', 'weir op list'),
  known('GET', '/v1/operations/*', 'weir op get $1'),
  known(
    'POST',
    '/v1/operations/*:(approve|pause|resume|throttle|verify|cutover|cancel-cutover|rollback|finish|cancel)',
    'weir op $2 $1',
  ),
  known('GET', '/v1/topics', 'weir topic list'),
  known('DELETE', '/v1/topics/*', 'weir topic delete $1'),
  known('POST', '/v1/topics/*:(restore|protect|unprotect|freeze|unfreeze)', 'weir topic $2 $1'),
  known('POST', '/v1/repartitions/plans', 'weir topic repartition'),
  known('POST', '/v1/migrations/plans', 'weir topic migrate'),
  known('POST', '/v1/moves/plans', 'weir topic move'),
  known('GET', '/v1/derivations', 'weir derive list'),
  known('GET', '/v1/views', 'weir view list'),
  known('GET', '/v1/views/*/rows', 'weir view query $1'),
  known('POST', '/v1/views/*/versions', 'weir view rebuild $1 --no-cutover'),
  known('GET', '/v1/backups', 'weir admin backups'),
  known('GET', '/v1/change-requests', 'weir request list'),
  known('POST', '/v1/change-requests/*:(approve|reject|withdraw)', 'weir request $2 $1'),
  known('GET', '/subjects', 'weir schema list'),
  known('GET', '/v1/schemas', 'weir schema list'),
  known('POST', '/subjects/*/versions', 'weir schema register $1 FILE'),
  known('GET', '/subjects/*/versions/*/referencedby', 'weir schema refs $1@$2 --referenced-by'),
  known('POST', '/v1/subjects/*:restore', 'weir schema restore $1'),
];

/** A call in a text: method, path with query, and the body that it is shown with. Of operations the path stands alone, too. */
const CALL =
  /(?:\b(GET|POST|PUT|PATCH|DELETE) (\/[^\s'",;()]*[^\s'",;().:])(?: (\{.*\}))?)|(\/v1\/operations\/[\w-]+)/g;
/** A call beside a command that does the same. */
const OR_CALL = /(\bweir [^.;]*?), or (?:GET|POST|PUT|PATCH|DELETE) \/[^\s'",;()]*[^\s'",;().:]/g;

/** A parameter by itself, which is a flag. */
const FLAG = / \?(\w+)=true\b/g;

/** What the service says to do next, said by commands. */
export function withCommands(hint: string): string {
  return hint
    .replace(OR_CALL, '$1')
    .replace(FLAG, ' --$1')
    .replace(CALL, (_, method: string | undefined, path: string | undefined, body?: string, alone?: string) =>
      commandFor(method ?? 'GET', path ?? alone!, body),
    );
}

function commandFor(method: string, path: string, body: string | undefined): string {
  if (method === 'POST' && path === '/v1/derivations' && body !== undefined) return derivation(method, path, body);
  const [bare, query] = path.split('?') as [string, string | undefined];
  for (const one of KNOWN) {
    const found = one.method === method ? one.path.exec(bare) : null;
    if (found === null) continue;
    const command = one.command.replace(/\$(\d)/g, (_, part: string) => shown(found[Number(part)]!));
    return query?.includes('permanent=true') === true ? `${command} --permanent` : command;
  }
  return `weir api ${method} ${path.includes('?') ? `'${path}'` : path}${body === undefined ? '' : ` -d '${body}'`}`;
}

function derivation(method: string, path: string, body: string): string {
  try {
    const { kind, source, name } = JSON.parse(body) as Record<string, string>;
    return `weir derive ${kind} ${source} --into ${name}`;
  } catch {
    return `weir api ${method} ${path} -d '${body}'`;
  }
}

/** A part of a path as it is given on the command line: decoded, and a stand-in in capitals, as in help texts. */
function shown(part: string): string {
  const standIn = /^\{(\w+)\}$/.exec(part);
  if (standIn !== null) return standIn[1]!.toUpperCase();
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}
