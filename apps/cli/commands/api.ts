import { resolve } from 'node:path';
import { argument, text, texts, type Handler } from '../command.js';
import { usage } from '../failure.js';
import { described } from '../outcome.js';
import { readText } from './schema.js';

/** `weir api METHOD PATH`: a raw call with the token; the answer as it is. */
export const api: Handler = async (invocation) => {
  const client = await (await invocation.settings()).client();
  const method = argument(invocation, 0).toUpperCase();
  const path = argument(invocation, 1);
  if (!path.startsWith('/'))
    throw usage('path-invalid', `'${path}' is no path.`, 'Paths begin with a slash: weir api GET /v1/topics');
  const data = text(invocation, 'data');
  const body =
    data === undefined
      ? undefined
      : data === '-'
        ? await invocation.io.stdin()
        : data.startsWith('@')
          ? await readText(resolve(invocation.io.cwd, data.slice(1)))
          : data;
  const headers = Object.fromEntries(texts(invocation, 'header').map(headerOf));
  if (invocation.flags.dryRun)
    return described(
      'ApiCall',
      { method, url: client.address + path, body: body === undefined ? null : body.toString() },
      path,
    );
  const answer = await client.call(method, path, {
    ...(body === undefined ? {} : { raw: { bytes: body, type: headers['content-type'] ?? 'application/json' } }),
    headers,
    accept: headers['accept'] ?? '*/*',
  });
  const said = answer.body.toString('utf8');
  if (answer.status >= 400) throw client.refused(method, path, answer);
  let parsed: unknown;
  try {
    parsed = JSON.parse(said);
  } catch {
    parsed = said;
  }
  return { kind: 'ApiAnswer', data: parsed, text: said === '' ? '' : said.trimEnd(), names: [path] };
};

/** `Name: value` as both. @throws Failure for what is no header. */
function headerOf(line: string): [string, string] {
  const colon = line.indexOf(':');
  if (colon < 1) throw usage('header-invalid', `'${line}' is no header.`, "Headers are written as 'Name: value'.");
  return [line.slice(0, colon).trim().toLowerCase(), line.slice(colon + 1).trim()];
}
